/**
 * The script that a site includes: a button, and a frame with the chat. The frame is of the chat's own origin, so neither styles
 * nor scripts nor tokens mix with the site's. The button stands in a shadow root with a style sheet that no policy forbids.
 */
import { readOptions } from "./options";
import styles from "./widget.css?inline";

type Notice = { kind: "close" } | { kind: "unread"; count: number } | { kind: "chat"; hasChat: boolean };

const ICON = "M5 5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2Z";
const SVG = "http://www.w3.org/2000/svg";

(() => {
  const script = document.currentScript;
  if (!(script instanceof HTMLScriptElement)) return console.error("perennial-chat.js: include it with a script tag that is no module.");
  const options = readOptions(script);
  const origin = new URL(options.address).origin;
  const keptOpen = `perennial.open.${options.instance}`;
  const keptChat = `perennial.has-chat.${options.instance}`;

  const host = document.createElement("div");
  host.dataset.perennialChat = options.instance;
  host.dataset.theme = options.theme;
  // a landmark of the site, so that people find it
  host.setAttribute("role", "region");
  host.setAttribute("aria-label", options.title);
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(styles);
  root.adoptedStyleSheets = [sheet];

  const panel = document.createElement("div");
  panel.className = `panel panel-${options.position}`;
  panel.dir = options.direction;
  panel.hidden = true;
  const button = document.createElement("button");
  button.type = "button";
  button.className = `launcher launcher-${options.position}`;
  button.dir = options.direction;
  button.append(icon());
  const badge = document.createElement("span");
  badge.className = "count";
  badge.hidden = true;
  button.append(badge);
  root.append(panel, button);

  let frame: HTMLIFrameElement | null = null;
  let isOpen = false;
  let unread = 0;

  const label = () => {
    const closed = unread ? options.openTextWithNew.replace("{count}", String(unread)) : options.openText;
    button.setAttribute("aria-label", isOpen ? options.closeText : closed);
    button.setAttribute("aria-expanded", String(isOpen));
    badge.hidden = unread === 0 || isOpen;
    badge.textContent = unread > 9 ? "9+" : String(unread);
  };

  let movesFocus = false;
  let isLoaded = false;
  const tellFrame = () => {
    // until it has loaded, the frame is an empty document of the site
    if (isLoaded) frame?.contentWindow?.postMessage({ perennial: { kind: "visibility", isOpen, movesFocus } }, origin);
  };

  const load = () => {
    if (frame) return;
    frame = document.createElement("iframe");
    frame.title = options.title;
    frame.src = options.address;
    frame.addEventListener("load", () => {
      isLoaded = true;
      tellFrame();
    });
    panel.append(frame);
  };

  const show = (open: boolean, byPerson = true) => {
    movesFocus = byPerson;
    if (open) load();
    isOpen = open;
    panel.hidden = !open;
    remember("sessionStorage", keptOpen, open);
    if (open) unread = 0;
    label();
    tellFrame();
    if (byPerson) (open ? frame : button)?.focus();
  };

  button.addEventListener("click", () => show(!isOpen));
  window.addEventListener("message", (event: MessageEvent<{ perennial?: Notice }>) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== origin) return;
    const notice = event.data?.perennial;
    if (notice?.kind === "close") show(false);
    if (notice?.kind === "chat") remember("localStorage", keptChat, notice.hasChat);
    if (notice?.kind === "unread") {
      unread = isOpen ? 0 : notice.count;
      label();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen && root.activeElement === button) show(false);
  });

  const begin = () => {
    // another tag has put one there, such as in a page that loads its parts again
    if (document.querySelector("[data-perennial-chat]")) return;
    Object.assign(window, { PerennialChat: { open: () => show(true), close: () => show(false) } });
    document.body.append(host);
    const wasOpen = remembered("sessionStorage", keptOpen);
    if (wasOpen ?? options.isOpen) show(true, false);
    // a chat that goes on is loaded at once, so that the button can tell of new messages
    else if (remembered("localStorage", keptChat)) load();
    label();
  };

  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);
})();

function icon(): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICON);
  svg.append(path);
  return svg;
}

type StorageName = "localStorage" | "sessionStorage";

function remember(storage: StorageName, key: string, value: boolean): void {
  try {
    // a browser that denies the storage denies its name, too
    window[storage].setItem(key, value ? "1" : "0");
  } catch {
    // a page without storage begins with a closed chat each time
  }
}

function remembered(storage: StorageName, key: string): boolean | null {
  try {
    const value = window[storage].getItem(key);
    return value === null ? null : value === "1";
  } catch {
    return null;
  }
}
