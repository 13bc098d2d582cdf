/** Markdown as HTML that DOMPurify has cleaned. What this needs is loaded with the first message that needs it. */
import DOMPurify from "dompurify";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { htmlOf } from "./markdownHtml";

const TAGS = ["p", "br", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li", "a", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"];

const ADDRESS = /^(?:https?:\/\/\S|(?:[\p{L}\p{N}_-]+\.)+\p{L}{2,}(?:[/?#:@]|$))/iu;

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName !== "A") return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer nofollow ugc");
  const address = node.getAttribute("href") ?? "";
  if (isPretence(node.textContent ?? "", address)) node.append(` (${hostOf(address) || address})`);
});

/** Whether the words of a link look like an address, and it leads to another one. */
function isPretence(words: string, address: string): boolean {
  const [shown = ""] = words.trim().split(/\s/);
  if (!/^https?:/i.test(address) || !ADDRESS.test(shown)) return false;
  return hostOf(/^https?:/i.test(shown) ? shown : `https://${shown}`) !== hostOf(address);
}

function hostOf(address: string): string {
  return URL.canParse(address) ? new URL(address).hostname.replace(/^www\./, "") : "";
}

/** `children`: what is shown until the HTML is there. */
export function Markdown({ text, children }: { text: string; children: ComponentChildren }) {
  const html = htmlOf(text).value;
  const clean = useMemo(
    () =>
      html &&
      purifier.sanitize(html, {
        ALLOWED_TAGS: TAGS,
        ALLOWED_ATTR: ["href", "start"],
        ALLOWED_URI_REGEXP: /^(https?:|mailto:|tel:)/i,
        ALLOW_DATA_ATTR: false,
        ALLOW_ARIA_ATTR: false,
      }),
    [html],
  );
  return clean ? <div class="rich-text" dir="auto" dangerouslySetInnerHTML={{ __html: clean }} /> : <>{children}</>;
}
