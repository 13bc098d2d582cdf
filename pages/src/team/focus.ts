/** What somebody has acted on with a key can go away with the action. Then the focus goes on in a place that stays. */
const DRAWN_MS = 50;

/** Remember where the focus is. What is returned gives it back once the page shows the outcome: there, or to `home`. */
export function rememberFocus(): (home: string) => void {
  const before = document.activeElement;
  return (home) => {
    window.setTimeout(() => {
      if (!document.hasFocus() || document.activeElement !== document.body || document.querySelector("dialog[open]")) return;
      if (before instanceof HTMLElement && before !== document.body && before.isConnected) before.focus({ preventScroll: true });
      if (document.activeElement === document.body) document.querySelector<HTMLElement>(home)?.focus({ preventScroll: true });
    }, DRAWN_MS);
  };
}
