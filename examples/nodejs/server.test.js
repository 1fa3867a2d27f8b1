"use strict";

const assert = require("node:assert");
const { once } = require("node:events");
const http = require("node:http");
const { test } = require("node:test");
const { hello } = require("./server.js");

for (const [poweredBy, want] of [[undefined, "Powered by Deis\n"], ["Kubernetes", "Powered by Kubernetes\n"]]) {
  test(`powered by ${poweredBy}`, async (context) => {
    const server = http.createServer(hello(poweredBy)).listen(0, "127.0.0.1");
    context.after(() => {
      server.close();
      server.closeAllConnections();
    });
    await once(server, "listening");
    const answer = await fetch(`http://127.0.0.1:${server.address().port}/`);
    assert.equal(await answer.text(), want);
  });
}
