/** The text of a message. Plain text stays text, with links; Markdown becomes HTML once its libraries are there. */
import { signal } from "@preact/signals";
import type { ComponentChildren, ComponentType } from "preact";

const markdownView = signal<ComponentType<{ text: string }> | null>(null);
let isLoading = false;

async function loadMarkdown(): Promise<void> {
  if (isLoading) return;
  isLoading = true;
  try {
    markdownView.value = (await import("./Markdown")).Markdown;
  } catch {
    isLoading = false; // the text is shown as it was written; the next message tries again
  }
}

export function RichText({ text, markdown }: { text: string; markdown: boolean }) {
  const View = markdownView.value;
  if (markdown && !View) void loadMarkdown();
  return markdown && View ? <View text={text} /> : <PlainText text={text} />;
}

const LINK = /https?:\/\/[^\s<>"']+/g;
const TRAILING = /[.,;:!?)\]}»”’]+$/;

function PlainText({ text }: { text: string }) {
  const parts: ComponentChildren[] = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const address = withoutTrailing(match[0]);
    parts.push(text.slice(end, match.index), <Link address={address} />);
    end = match.index + address.length;
  }
  return (
    <p class="plain-text" dir="auto">
      {parts}
      {text.slice(end)}
    </p>
  );
}

function Link({ address }: { address: string }) {
  return (
    <a href={address} target="_blank" rel="noopener noreferrer nofollow ugc">
      {address}
    </a>
  );
}

/** Without the punctuation that ends a sentence. A closing bracket stays when the address has the opening one. */
function withoutTrailing(address: string): string {
  const trailing = TRAILING.exec(address)?.[0] ?? "";
  if (trailing.startsWith(")") && address.includes("(")) return address.slice(0, address.length - trailing.length + 1);
  return address.slice(0, address.length - trailing.length);
}
