/** A page that was loaded before the pages were built anew asks for files that are gone. It loads itself again, once a minute at most. */
const KEY = "perennial.reloaded";
const PAUSE_MS = 60_000;

export function reloadWhenReplaced(): void {
  window.addEventListener("vite:preloadError", () => {
    if (Date.now() - Number(sessionStorage.getItem(KEY)) < PAUSE_MS) return;
    sessionStorage.setItem(KEY, String(Date.now()));
    location.reload();
  });
}
