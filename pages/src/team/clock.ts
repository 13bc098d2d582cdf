/** The present second, and durations as people read them. */
import { signal } from "@preact/signals";
import { serverNow } from "../shared/serverTime";

/** Milliseconds since 1970 by the server's clock, at each second. What reads it is drawn each second. */
export const now = signal(serverNow());

window.setInterval(() => {
  if (!document.hidden) now.value = serverNow();
}, 1000);
document.addEventListener("visibilitychange", () => (now.value = serverNow()));

/** Whole seconds until an instant, at least 0. */
export function secondsUntil(at: string): number {
  return Math.max(0, Math.ceil((Date.parse(at) - now.value) / 1000));
}

/** How long something has lasted: `0:07`, `12:40`, `3 h 05 min`, `2 d 4 h`. */
export function lasting(since: string): string {
  return duration((now.value - Date.parse(since)) / 1000);
}

/** Seconds as a duration; see `lasting`. */
export function duration(value: number): string {
  const seconds = Math.max(0, Math.floor(value));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  if (hours) return `${hours} h ${pad(minutes % 60)} min`;
  return `${minutes}:${pad(seconds % 60)}`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
