/** The agent's conversations: those they work on, those that are parked, and those in wrap-up. */
import { lasting } from "../team/clock";
import type { Contact } from "../team/records";
import type { Conversation } from "../shared/chat/conversation";
import { ago } from "../shared/chat/time";
import { wordsOf } from "../shared/chat/words";
import type { Desk } from "./desk";

export function Contacts({ desk }: { desk: Desk }) {
  const { active, waiting, wrapUp } = desk;
  return (
    <nav class="contacts" aria-label="Conversations">
      <Group desk={desk} title="Active" contacts={active.value} empty={desk.isLoaded.value ? "No active conversation" : "Loading…"} />
      <Group desk={desk} title="Waiting" contacts={waiting.value} empty="Nothing is parked" />
      <Group desk={desk} title="Wrap-up" contacts={wrapUp.value} empty="Nothing to finish" />
    </nav>
  );
}

function Group({ desk, title, contacts, empty }: { desk: Desk; title: string; contacts: readonly Contact[]; empty: string }) {
  return (
    <section aria-label={title}>
      <h2 class="group-title">
        {title} {contacts.length > 0 && <span class="count">{contacts.length}</span>}
      </h2>
      {contacts.length === 0 ? (
        <p class="group-empty">{empty}</p>
      ) : (
        <ul role="list">
          {contacts.map((contact) => (
            <li key={contact.contact_id}>
              <Entry desk={desk} contact={contact} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Entry({ desk, contact }: { desk: Desk; contact: Contact }) {
  const conversation = desk.chats.open.value.get(contact.contact_id);
  const unread = desk.unread.of(contact.contact_id);
  const isSelected = desk.selectedId.value === contact.contact_id;
  return (
    <button type="button" class={`entry ${unread ? "entry-unread" : ""}`} aria-current={isSelected ? "true" : undefined} onClick={() => desk.select(contact.contact_id)}>
      <span class="entry-line">
        <span class="entry-name">
          <bdi>{contact.customer}</bdi>
        </span>
        <Time contact={contact} conversation={conversation} />
      </span>
      <span class="entry-line">
        <span class="entry-text">
          {contact.state === "OPEN" ? <strong>Has come back</strong> : conversation ? <Latest conversation={conversation} /> : contact.queue}
        </span>
        {unread > 0 && (
          <span class="count count-strong">
            <span class="visually-hidden">New: </span>
            {unread}
          </span>
        )}
      </span>
    </button>
  );
}

/** Since when the agent has to do with it, or when it was last spoken in. */
function Time({ contact, conversation }: { contact: Contact; conversation: Conversation | undefined }) {
  if (contact.state === "WRAP_UP" && contact.ended_at) {
    return (
      <span class="entry-time" role="timer">
        {lasting(contact.ended_at)}
      </span>
    );
  }
  const at = conversation ? lastMessage(conversation)?.AbsoluteTime : undefined;
  return at ? <span class="entry-time">{ago(at)}</span> : null;
}

function Latest({ conversation }: { conversation: Conversation }) {
  if (conversation.typing.value !== null) return <em>Writing…</em>;
  const last = lastMessage(conversation);
  if (!last) return <>No messages yet</>;
  return (
    <>
      {last.ParticipantId === conversation.details.ParticipantId && "You: "}
      <bdi>{wordsOf(last).slice(0, 160)}</bdi>
    </>
  );
}

function lastMessage(conversation: Conversation) {
  return conversation.transcript.items.value.findLast((item) => item.Type !== "EVENT" && item.ParticipantRole !== "SYSTEM");
}
