/** The middle: the conversation with its whole past, and what can be done with it. */
import { useEffect, useRef } from "preact/hooks";
import { Composer } from "../shared/chat/Composer";
import type { Conversation } from "../shared/chat/conversation";
import { MessageList } from "../shared/chat/MessageList";
import { TypingLine } from "../shared/chat/TypingLine";
import { Icon } from "../shared/ui/Icon";
import { duration, lasting, secondsUntil } from "../team/clock";
import type { Contact } from "../team/records";
import { keptKey } from "../team/session";
import { Actions } from "./Actions";
import type { Desk } from "./desk";

export function ChatPanel({ desk, contact }: { desk: Desk; contact: Contact }) {
  const conversation = desk.chats.open.value.get(contact.contact_id);
  return (
    <>
      <header class="chat-head">
        <button type="button" class="button button-quiet back only-narrow" onClick={() => (desk.view.value = "list")}>
          <Icon name="back" />
          <span class="visually-hidden">Back to the list</span>
          {desk.calls.value > 0 && (
            <span class="count count-strong">
              <span class="visually-hidden">Waiting for you: </span>
              {desk.calls.value}
            </span>
          )}
        </button>
        <div class="chat-words">
          <h2 class="chat-title">
            <bdi>{contact.customer}</bdi>
          </h2>
          <p class="chat-state">
            <StateWords contact={contact} conversation={conversation} />
          </p>
        </div>
        <Actions desk={desk} contact={contact} />
        <button type="button" class="button button-quiet button-icon only-medium" aria-label="Details and notes" title="Details and notes" onClick={() => (desk.view.value = "details")}>
          <Icon name="info" />
        </button>
      </header>
      {conversation ? (
        <Words key={desk.chats.keyOf(conversation)} contact={contact} conversation={conversation} />
      ) : (
        <p class="empty chat-nothing" role="status">
          {contact.state === "ACTIVE" ? "Joining the chat…" : "This tab has not joined the chat, so it cannot show what was said."}
        </p>
      )}
      {contact.state !== "ACTIVE" && <Foot desk={desk} contact={contact} />}
    </>
  );
}

function Words({ contact, conversation }: { contact: Contact; conversation: Conversation }) {
  const box = useRef<HTMLDivElement>(null);
  const canWrite = contact.state === "ACTIVE" && !conversation.isClosed.value;
  useEffect(() => {
    if (canWrite && !isWritingElsewhere()) box.current?.querySelector("textarea")?.focus({ preventScroll: true });
  }, [canWrite]);
  return (
    <div class="chat-words-box" ref={box}>
      <MessageList conversation={conversation} />
      {canWrite && (
        <>
          <TypingLine conversation={conversation} />
          <Composer conversation={conversation} files="any" draftKey={keptKey(`draft.${contact.contact_id}`)} />
        </>
      )}
    </div>
  );
}

function isWritingElsewhere(): boolean {
  return document.activeElement instanceof HTMLTextAreaElement || document.querySelector("dialog[open]") !== null;
}

const CONNECTION = {
  connecting: { dot: "", words: "Connecting…" },
  connected: { dot: "dot-good", words: "Connected" },
  reconnecting: { dot: "dot-warning", words: "The connection is lost. Connecting again…" },
  offline: { dot: "dot-danger", words: "You are offline" },
  closed: { dot: "", words: "Connecting…" },
};

function StateWords({ contact, conversation }: { contact: Contact; conversation: Conversation | undefined }) {
  switch (contact.state) {
    case "WAITING":
      return (
        <>
          <span class="dot dot-hollow" /> Parked
        </>
      );
    case "OPEN":
      return (
        <>
          <span class="dot dot-warning" /> The customer has come back
        </>
      );
    case "WRAP_UP":
      return (
        <>
          <span class="dot" /> Wrap-up
          {contact.ended_at && (
            <span role="timer" aria-label="Time in wrap-up">
              {lasting(contact.ended_at)}
            </span>
          )}
          {contact.wrap_up_until && <TimeLeft until={contact.wrap_up_until} />}
        </>
      );
    default: {
      const { dot, words } = CONNECTION[conversation?.connection.value ?? "connecting"];
      return (
        <>
          <span class={`dot ${dot}`} /> {words}
        </>
      );
    }
  }
}

const SOON_S = 60;

/** A wrap-up ends by itself. What is not saved until then is lost. */
function TimeLeft({ until }: { until: string }) {
  const left = secondsUntil(until);
  return (
    <span class={left <= SOON_S ? "chat-state-late" : ""} role="timer" aria-label="Time until it closes">
      closes in {duration(left)}
    </span>
  );
}

/** What stands in place of the composer while the agent cannot write. */
function Foot({ desk, contact }: { desk: Desk; contact: Contact }) {
  const isBusy = desk.busy.value.has(contact.contact_id);
  if (contact.state === "WRAP_UP") {
    return (
      <footer class="chat-foot">
        <p>The chat has ended for the customer. Finish your notes, then close it.</p>
        <button type="button" class="button" onClick={() => showNotes(desk)}>
          Write a note
        </button>
        <button type="button" class="button button-primary" disabled={isBusy} onClick={() => void desk.close(contact)}>
          Close
        </button>
      </footer>
    );
  }
  const hasReturned = contact.state === "OPEN";
  return (
    <footer class="chat-foot">
      <p>
        {hasReturned
          ? `${contact.customer} has come back and waits. Resume the chat to read and to answer.`
          : "The chat is parked and takes no capacity. It calls you when the customer writes."}
      </p>
      <button type="button" class="button button-primary" disabled={isBusy} onClick={() => void desk.resume(contact)}>
        Resume
      </button>
    </footer>
  );
}

/** Show the notes on a narrow screen too, and go to where they are written. */
export function showNotes(desk: Desk): void {
  if (desk.selected.value) desk.view.value = "details";
  const focus = () => document.querySelector<HTMLTextAreaElement>("#note")?.focus();
  focus(); // at once where it is in view: the agent may write on without a pause
  window.setTimeout(focus, 0);
}
