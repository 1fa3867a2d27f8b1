"use strict";

const assert = require("node:assert");
const http = require("node:http");
const { test } = require("node:test");
const { hello } = require("./server.js");

for (const [poweredBy, want] of [[undefined, "Powered by Deis\n"], ["Kubernetes", "Powered by Kubernetes\n"]]) {
  test(`powered by ${poweredBy}`, async () => {
    const server = http.createServer(hello(poweredBy)).listen(0);
    const answer = await fetch(`http://localhost:${server.address().port}/`);
    assert.equal(await answer.text(), want);
    server.closeAllConnections();
    server.close();
  });
}
