/** The server's clock. The browser's own may be wrong, and what the server says about time is by the clock of the server. */
let ahead = 0;

/** How far the `Date` of an answer may be behind: it has whole seconds, and the server renews it each second. */
const BEHIND_MS = 2_500;

/** Learn from the `Date` of an answer. `sentAt`: when the request was sent, by the browser's clock. */
export function noteServerTime(date: string | null, sentAt: number): void {
  const at = Date.parse(date ?? "");
  if (Number.isNaN(at)) return;
  ahead = Math.min(Math.max(ahead, at - Date.now()), at + BEHIND_MS - sentAt);
}

/** Milliseconds since 1970 by the server's clock. A browser's clock that can be right is believed. */
export function serverNow(): number {
  return Date.now() + ahead;
}
