/** Turns Markdown into HTML, apart from the page: for some texts it takes minutes, and the page must go on meanwhile. */
import { Marked } from "marked";

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** A short table can become a million cells. What is longer stays text. */
const MAX_HTML = 100_000;

const marked = new Marked({
  gfm: true,
  breaks: true,
  async: false,
  // HTML in a message is text: the browser would report each of its event handlers, although none of them runs
  renderer: { html: ({ text }) => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!) },
});

function htmlOf(text: string): string | null {
  try {
    const html = marked.parse(text) as string;
    return html.length > MAX_HTML ? null : html;
  } catch {
    return null; // it is nested too deeply
  }
}

self.onmessage = ({ data }: MessageEvent<string>) => self.postMessage({ html: htmlOf(data) });
self.postMessage({ isReady: true });
