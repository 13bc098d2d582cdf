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

let session;

function emit(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

function create({ config, without, ...args }) {
  if (args.type === "AGENT") {
    // without an Amazon websocketManager, this rejection makes ChatJS call CreateParticipantConnection
    args.chatDetails.getConnectionToken = () => Promise.reject(new Error("there is none"));
  }
  globalThis.connect.ChatSession.setGlobalConfig(config);
  session = globalThis.connect.ChatSession.create(args);
  const names = callbacks(session).filter((name) => !without.includes(name));
  names.forEach((name) => session[name]((event) => emit({ event: name, data: event?.data ?? null })));
  return names;
}

function callbacks(object) {
  const names = new Set();
  for (let level = object; level; level = Object.getPrototypeOf(level)) {
    Object.getOwnPropertyNames(level).forEach((name) => /^on[A-Z]/.test(name) && names.add(name));
  }
  return [...names];
}

async function perform({ id, method, args }) {
  try {
    const value = method === "create" ? create(...args) : await session[method](...args);
    emit({ answer: id, value: value?.data ?? value ?? null });
  } catch (error) {
    emit({ answer: id, refused: error instanceof Error ? { ...error, message: error.message } : error });
  }
}

createInterface({ input: process.stdin })
  .on("line", (line) => perform(JSON.parse(line)))
  .on("close", () => process.exit(0));
emit({ event: "ready", data: globalThis.connect.version ?? null });
