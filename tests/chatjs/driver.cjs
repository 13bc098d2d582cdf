// A browser tab without a browser: unmodified ChatJS. Reads calls from stdin, writes results and events to stdout, as JSON lines.
"use strict";

const { Console } = require("node:console");
const { createInterface } = require("node:readline");

const library = process.argv[2];

// stdout carries only JSON lines
globalThis.console = new Console(process.stderr);
globalThis.self = globalThis.window = globalThis;
globalThis.WebSocket = require("ws");
Object.defineProperty(globalThis, "navigator", {
  value: { onLine: true, userAgent: `Node ${process.version}` },
  configurable: true,
});
if (library === "chatjs-2") {
  // version 2 needs a browser's XMLHttpRequest; the one of jsdom also enforces CORS. jsdom is a dependency of ChatJS
  const { JSDOM } = require("jsdom");
  globalThis.XMLHttpRequest = new JSDOM("", { url: "http://127.0.0.1/" }).window.XMLHttpRequest;
}
require(library);

require("./session.js");

function emit(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

const perform = chatSession(emit);
createInterface({ input: process.stdin })
  .on("line", (line) => perform(JSON.parse(line)))
  .on("close", () => process.exit(0));
emit({ event: "ready", data: globalThis.connect.version ?? null });
