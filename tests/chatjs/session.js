// A session of unmodified ChatJS, for Node and for a browser. The function that it returns makes calls; `emit` gets answers and events.
"use strict";

globalThis.chatSession = (emit) => {
  let session;

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

  // JSON has no files
  function withFile(argument) {
    if (!argument?.file) return argument;
    const { name, type, base64 } = argument.file;
    return { attachment: new File([Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))], name, { type }) };
  }

  async function withoutBlob(value) {
    if (!(value instanceof Blob)) return value;
    const bytes = new Uint8Array(await value.arrayBuffer());
    return { type: value.type, base64: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) };
  }

  return async function perform({ id, method, args }) {
    try {
      const value = method === "create" ? create(...args) : await session[method](...args.map(withFile));
      emit({ answer: id, value: (await withoutBlob(value?.data ?? value)) ?? null });
    } catch (error) {
      emit({ answer: id, refused: error instanceof Error ? { ...error, message: error.message } : error });
    }
  };
};
