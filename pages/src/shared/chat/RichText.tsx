/** The text of a message. Plain text stays text, with links; Markdown becomes HTML once its libraries are there. */
import { signal } from "@preact/signals";
import type { ComponentChildren, ComponentType } from "preact";

const markdownView = signal<ComponentType<{ text: string; children: ComponentChildren }> | null>(null);
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
  const plain = <PlainText text={text} />;
  return markdown && View ? <View text={text}>{plain}</View> : plain;
}

/** Web addresses, without the invisible characters that would show one in another order. */
const LINK = /https?:\/\/[^\s<>"'\u202a-\u202e\u2066-\u2069]+/g;
const TRAILING = new Set(".,;:!?)]}»”’");

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
  let end = address.length;
  while (TRAILING.has(address[end - 1]!)) end -= 1;
  if (address[end] === ")" && address.includes("(")) end += 1;
  return address.slice(0, end);
}
