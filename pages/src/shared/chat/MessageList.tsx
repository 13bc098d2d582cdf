/** The messages of a conversation: loads what came before when the reader scrolls up, and follows what comes. */
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { text } from "../texts";
import { Icon } from "../ui/Icon";
import { VirtualList } from "../ui/VirtualList";
import type { Conversation } from "./conversation";
import { Message, MessageGuard, OutgoingMessage } from "./Message";
import { buildRows, type Row } from "./rows";

export function MessageList({ conversation }: { conversation: Conversation }) {
  const { transcript, details } = conversation;
  const rows = useComputed(() =>
    buildRows(transcript.items.value, transcript.outgoing.value, transcript.progress.value, details.ParticipantId, conversation.party),
  );
  const isAtEnd = useSignal(true);
  const unseen = useSignal(0);
  const toEnd = useRef<(() => void) | null>(null);
  const lastKey = rows.value.at(-1)?.key;
  // the desk has the heading of the chat above it, the customer's page only its own
  const Heading = conversation.party === "AGENT" ? "h3" : "h2";

  useEffect(() => {
    unseen.value = isAtEnd.value ? 0 : unseen.value + 1;
  }, [lastKey]);

  // what the reader sees counts as read
  useEffect(() => {
    if (!isAtEnd.value) return undefined;
    unseen.value = 0;
    const read = () => {
      if (document.visibilityState === "visible") conversation.markRead();
    };
    read();
    document.addEventListener("visibilitychange", read);
    return () => document.removeEventListener("visibilitychange", read);
  }, [lastKey, isAtEnd.value, conversation.connection.value]);

  const render = (row: Row) => {
    switch (row.kind) {
      case "message":
        return (
          <MessageGuard>
            <Message row={row} conversation={conversation} isLatest={row.key === lastMessageKey(rows.value)} />
          </MessageGuard>
        );
      case "outgoing":
        return <OutgoingMessage row={row} conversation={conversation} />;
      case "divider":
        return (
          <Heading class="divider">
            <span>{row.text}</span>
          </Heading>
        );
      default:
        return (
          <p class={row.kind === "notice" ? "notice-line" : "event-line"} dir="auto">
            {row.text}
          </p>
        );
    }
  };

  return (
    <div class="message-list">
      <VirtualList
        rows={rows.value}
        render={render}
        label={text("messages")}
        onNearStart={() => void conversation.reader.loadOlder()}
        onAtEnd={(value) => (isAtEnd.value = value)}
        control={toEnd}
        head={<Head conversation={conversation} isEmpty={rows.value.length === 0} />}
      />
      {!isAtEnd.value && (
        <button type="button" class="button button-small to-end" onClick={() => toEnd.current?.()}>
          <Icon name="down" />
          {unseen.value > 0 ? text("newMessages") : text("latest")}
        </button>
      )}
    </div>
  );
}

function lastMessageKey(rows: readonly Row[]): string | undefined {
  return rows.findLast((row) => row.kind === "message" || row.kind === "outgoing")?.key;
}

function Head({ conversation, isEmpty }: { conversation: Conversation; isEmpty: boolean }) {
  if (conversation.reader.hasOlder.value === null || isEmpty) return null;
  if (conversation.reader.hasOlder.value) {
    return (
      <p class="event-line">
        <button type="button" class="link-button" onClick={() => void conversation.reader.loadOlder()}>
          {conversation.reader.isLoadingOlder.value ? text("loadingOlder") : text("older")}
        </button>
      </p>
    );
  }
  return <p class="event-line">{text(conversation.party === "AGENT" ? "beginningOfAll" : "beginning")}</p>;
}
