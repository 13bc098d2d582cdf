/** The text of a message. Plain text stays text, with links; Markdown becomes HTML that DOMPurify has cleaned. */
import DOMPurify from "dompurify";
import { Marked } from "marked";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";

const marked = new Marked({ gfm: true, breaks: true, async: false });

const TAGS = ["p", "br", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li", "a", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"];

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName === "A") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow ugc");
  }
});

export function RichText({ text, markdown }: { text: string; markdown: boolean }) {
  return markdown ? <Markdown text={text} /> : <PlainText text={text} />;
}

function Markdown({ text }: { text: string }) {
  const html = useMemo(
    () =>
      purifier.sanitize(marked.parse(text) as string, {
        ALLOWED_TAGS: TAGS,
        ALLOWED_ATTR: ["href", "start"],
        ALLOWED_URI_REGEXP: /^(https?:|mailto:|tel:)/i,
        ALLOW_DATA_ATTR: false,
        ALLOW_ARIA_ATTR: false,
      }),
    [text],
  );
  return <div class="rich-text" dir="auto" dangerouslySetInnerHTML={{ __html: html }} />;
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
