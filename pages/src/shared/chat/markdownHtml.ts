/** The HTML of Markdown, which a worker makes. A text for which it needs too long stays text. */
import { signal, type ReadonlySignal, type Signal } from "@preact/signals";

const LIMIT_MS = 2_000;
const KEPT = 300;

type Answer = { isReady: true } | { html: string | null };

interface Job {
  text: string;
  html: Signal<string | null>;
}

/** By text, the latest last. */
const known = new Map<string, Signal<string | null>>();
const waiting: Job[] = [];
let worker: Worker | null = null;
let isReady = false;
let present: Job | null = null;
let timer = 0;

/** The HTML of a text, which nobody has cleaned; null until it is there, and when there will be none. */
export function htmlOf(text: string): ReadonlySignal<string | null> {
  const found = known.get(text);
  const html = found ?? signal<string | null>(null);
  known.delete(text);
  known.set(text, html);
  if (!found) {
    if (known.size > KEPT) known.delete(known.keys().next().value!);
    waiting.push({ text, html });
    next();
  }
  return html;
}

function next(): void {
  worker ??= begin();
  if (!isReady || present) return;
  present = waiting.shift() ?? null;
  if (!present) return;
  worker.postMessage(present.text);
  timer = window.setTimeout(startAnew, LIMIT_MS);
}

function begin(): Worker {
  const begun = new Worker(new URL("./markdownWorker.ts", import.meta.url), { type: "module" });
  begun.onmessage = ({ data }: MessageEvent<Answer>) => {
    if (begun !== worker) return;
    if ("isReady" in data) isReady = true;
    else {
      window.clearTimeout(timer);
      if (present) present.html.value = data.html;
      present = null;
    }
    next();
  };
  // its script cannot be loaded at the moment: the texts are asked for again when they come into view again
  begun.onerror = () => {
    if (begun !== worker) return;
    for (const { text } of waiting.splice(0)) known.delete(text);
    stop();
  };
  return begun;
}

function stop(): void {
  window.clearTimeout(timer);
  worker?.terminate();
  worker = null;
  isReady = false;
  present = null;
}

/** Give the present text up, and go on with the others. */
function startAnew(): void {
  stop();
  if (waiting.length) next();
}
