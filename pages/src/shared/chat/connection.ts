import type { ReadonlySignal } from "@preact/signals";

/** `reconnecting`: the socket is lost, and ChatJS or this page opens another one. `closed`: nothing more can be sent. */
export type Connection = "connecting" | "connected" | "reconnecting" | "offline" | "closed";

/** Settles once the connection fits. */
export function until(connection: ReadonlySignal<Connection>, fits: (state: Connection) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = connection.subscribe((state) => {
      if (!fits(state)) return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
}

/** What a request comes to. It also fails when the connection is lost: then its answer can be away for minutes. */
export function unlessLost<T>(connection: ReadonlySignal<Connection>, request: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = connection.subscribe((state) => {
      if (state === "reconnecting" || state === "offline") reject(new Error("the connection is lost"));
    });
    void request.then(resolve, reject).finally(() => stop());
  });
}

/** How often something that fails is tried while there is a connection. Each pause is longer than the one before. */
export const MOST_ATTEMPTS = 8;
const AGAIN_MS = 1_000;

export function pauseAfter(attempt: number): Promise<void> {
  return new Promise((resolve) => window.setTimeout(resolve, AGAIN_MS * attempt));
}
