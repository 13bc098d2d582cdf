/** Markdown as HTML that DOMPurify has cleaned. Both libraries are loaded with the first message that needs them. */
import DOMPurify from "dompurify";
import { Marked } from "marked";
import { useMemo } from "preact/hooks";

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

const marked = new Marked({
  gfm: true,
  breaks: true,
  async: false,
  // HTML in a message is text: the browser would report each of its event handlers, although none of them runs
  renderer: { html: ({ text }) => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!) },
});

const TAGS = ["p", "br", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li", "a", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"];

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName === "A") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow ugc");
  }
});

export function Markdown({ text }: { text: string }) {
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
