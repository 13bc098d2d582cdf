/** Words for screen readers, about what changes without a move of the focus. */
const SAID_AFTER_MS = 10_000;

let region: HTMLElement | null = null;

/** Say a text politely: when the screen reader has finished what it is saying. */
export function announce(text: string): void {
  if (!region) {
    region = document.createElement("div");
    region.className = "visually-hidden";
    region.setAttribute("role", "status");
    region.setAttribute("aria-live", "polite");
    document.body.append(region);
  }
  const line = document.createElement("p");
  line.textContent = text;
  region.append(line);
  // once said, it would only be in the way of those who read the page element by element
  window.setTimeout(() => line.remove(), SAID_AFTER_MS);
}
