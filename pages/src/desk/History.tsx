/** What happened in the conversation: who came and went, when it was passed on, and the chats before it. */
import { useComputed } from "@preact/signals";
import type { Conversation } from "../shared/chat/conversation";
import { clock, day, fullTime } from "../shared/chat/time";
import { EVENTS, type Item } from "../shared/chat/wire";
import { problemOf } from "../team/problems";
import { tell } from "./alerts";

const WORDS: Record<string, (name: string) => string> = {
  [EVENTS.joined]: (name) => `${name} joined`,
  [EVENTS.left]: (name) => `${name} left`,
  [EVENTS.transferred]: () => "Passed on",
  [EVENTS.transferFailed]: () => "Could not be passed on",
  [EVENTS.autoDisconnected]: () => "Closed because nobody wrote",
  [EVENTS.idle]: (name) => `${name} became silent`,
  [EVENTS.ended]: () => "Chat ended",
};

export function History({ conversation }: { conversation: Conversation }) {
  const entries = useComputed(() => conversation.transcript.items.value.filter((item) => wordsOf(item)).reverse());
  return (
    <>
      {entries.value.length === 0 && <p class="muted small">Nothing yet</p>}
      <ol role="list" class="history">
        {entries.value.map((item) => (
          <li key={item.Id} class="small">
            <span>{wordsOf(item)}</span>
            <time class="muted" dateTime={item.AbsoluteTime} title={fullTime(item.AbsoluteTime)}>
              {day(item.AbsoluteTime)}, {clock(item.AbsoluteTime)}
            </time>
          </li>
        ))}
      </ol>
      {conversation.reader.hasOlder.value && (
        <button type="button" class="link-button small" onClick={() => void conversation.reader.loadAll().catch((error: unknown) => tell(problemOf(error), { isProblem: true }))}>
          Show everything
        </button>
      )}
    </>
  );
}

function wordsOf(item: Item): string | null {
  if (item.Type !== "EVENT") return null;
  const words = WORDS[item.ContentType ?? ""]?.(item.DisplayName || "Somebody") ?? null;
  return words && item.ContactId === undefined ? `${words} (earlier chat)` : words;
}
