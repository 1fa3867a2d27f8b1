// Work beside the web: a line every ten seconds, until it is told to end.
"use strict";

const timer = setInterval(() => console.log(`working for ${process.env.POWERED_BY || "Deis"}`), 10_000);
console.log("worker started");
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    clearInterval(timer);
    console.log("worker ended");
  });
}
