import type { ReadonlySignal } from "@preact/signals";

/** `reconnecting`: the socket is lost, and ChatJS or this page opens another one. `closed`: nothing more can be sent. */
export type Connection = "connecting" | "connected" | "reconnecting" | "offline" | "closed";

/** Settles once the first attempt to connect has come to something. */
export function firstAttempt(connection: ReadonlySignal<Connection>): Promise<void> {
  return new Promise((resolve) => {
    const stop = connection.subscribe((state) => {
      if (state === "connecting") return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
}
