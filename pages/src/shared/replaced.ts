/** A page that was loaded before the pages were built anew asks for files that are gone. It loads itself again, once a minute at most. */
const KEY = "perennial.reloaded";
const PAUSE_MS = 60_000;

export function reloadWhenReplaced(): void {
  window.addEventListener("vite:preloadError", () => void reload());
}

async function reload(): Promise<void> {
  if (Date.now() - Number(sessionStorage.getItem(KEY)) < PAUSE_MS) return;
  // while the server cannot be reached, no file can: the page would be gone, and would not come back by itself
  const isThere = await fetch(location.href, { cache: "no-store" }).then(
    ({ ok }) => ok,
    () => false,
  );
  if (!isThere) return;
  sessionStorage.setItem(KEY, String(Date.now()));
  location.reload();
}
