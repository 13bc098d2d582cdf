/** The transcript as a text file, with all of the past. */
import type { Conversation } from "../shared/chat/conversation";
import { readTemplate } from "../shared/chat/Interactive";
import { buildRows } from "../shared/chat/rows";
import { fullTime } from "../shared/chat/time";
import { INTERACTIVE, type Item } from "../shared/chat/wire";
import { wordsOf } from "../shared/chat/words";
import { text } from "../shared/texts";

export async function downloadTranscript(conversation: Conversation): Promise<void> {
  // throws: a transcript without its beginning would look like a whole one
  await conversation.reader.loadAll();
  const address = URL.createObjectURL(new Blob([transcriptText(conversation)], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `${text("title")} ${new Date().toISOString().slice(0, 10)}.txt`;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function transcriptText({ transcript, details, party }: Conversation): string {
  const rows = buildRows(transcript.items.value, [], new Map(), details.ParticipantId, party);
  const lines = rows.map((row) => {
    if (row.kind === "message") return `[${fullTime(row.item.AbsoluteTime)}] ${nameOf(row.item, row.isOwn)}: ${contentOf(row.item)}`;
    if (row.kind === "outgoing") return "";
    return row.kind === "divider" ? `\n— ${row.text} —\n` : `[${fullTime(row.at)}] ${row.text}`;
  });
  return `${lines.join("\n")}\n`;
}

function nameOf(item: Item, isOwn: boolean): string {
  if (isOwn) return text("you");
  return item.ParticipantRole === "SYSTEM" ? text("system") : (item.DisplayName ?? "");
}

function contentOf(item: Item): string {
  const template = item.ContentType === INTERACTIVE ? readTemplate(item.Content ?? "") : null;
  const words = template ? `${template.title} (${template.answers.map((answer) => answer.title).join(" / ")})` : wordsOf(item);
  // a line of a message does not look like another message
  return words.replaceAll("\n", "\n    ");
}
