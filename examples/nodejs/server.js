// A web app of one page: who runs it, as its configuration says.
"use strict";

const http = require("node:http");
const clientAddress = require("client-address");

function hello(poweredBy) {
  return (request, response) => {
    console.log(`${clientAddress(request)} ${request.method} ${new URL(request.url, "http://localhost").pathname}`);
    response.setHeader("Content-Type", "text/plain; charset=utf-8");
    response.end(`Powered by ${poweredBy || "Deis"}\n`);
  };
}

function main() {
  const port = process.env.PORT || "5000";
  const server = http.createServer(hello(process.env.POWERED_BY));
  server.listen(port, () => console.log(`listening on :${port}`));
  for (const signal of ["SIGTERM", "SIGINT"]) {
    // Finishes what it has begun; idle connections would hold it up.
    process.on(signal, () => {
      server.close();
      server.closeIdleConnections();
    });
  }
}

if (require.main === module) main();

module.exports = { hello };
