/** What an item says, as one text: for lists, screen readers and downloads. */
import { readAnswer, readTemplate } from "./Interactive";
import { INTERACTIVE, INTERACTIVE_RESPONSE, type Item } from "./wire";

export function wordsOf(item: Item): string {
  if (item.Attachments?.length) return item.Attachments.map((file) => file.AttachmentName).join(", ");
  const content = item.Content ?? "";
  if (item.ContentType === INTERACTIVE) return readTemplate(content)?.title || content;
  return item.ContentType === INTERACTIVE_RESPONSE ? readAnswer(content) : content;
}

/** A refusal of the API as a sentence for people: without the member of the request that it is about. */
export function plainReason(message: string): string {
  return message.replace(/^[\w.]+: /, "").replace(/^./, (first) => first.toUpperCase());
}
