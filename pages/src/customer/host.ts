/** The page that shows the widget in a frame. What the two say to each other is no secret. */
export const isFramed = window.parent !== window;

export type Notice = { kind: "close" } | { kind: "unread"; count: number } | { kind: "chat"; hasChat: boolean };

export function tellHost(notice: Notice): void {
  if (isFramed) window.parent.postMessage({ perennial: notice }, "*");
}

/** Call back when the host opens or closes the frame. `movesFocus`: whether a person has done it. */
export function onHost(handler: (isOpen: boolean, movesFocus: boolean) => void): void {
  window.addEventListener("message", (event: MessageEvent<{ perennial?: { kind?: string; isOpen?: boolean; movesFocus?: boolean } }>) => {
    if (event.source !== window.parent) return;
    const notice = event.data?.perennial;
    if (notice?.kind === "visibility") handler(notice.isOpen === true, notice.movesFocus === true);
  });
}
