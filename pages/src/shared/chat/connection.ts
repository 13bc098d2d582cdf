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
