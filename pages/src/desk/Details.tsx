/** The right column: what is known about the customer and the contact, notes, and what happened. */
import type { ComponentChildren } from "preact";
import { clock, day, fullTime } from "../shared/chat/time";
import { Icon } from "../shared/ui/Icon";
import type { Contact } from "../team/records";
import { temporalAddress } from "../team/session";
import type { Desk } from "./desk";
import { History } from "./History";
import { Notes } from "./Notes";

export function Details({ desk, contact }: { desk: Desk; contact: Contact }) {
  const conversation = desk.chats.open.value.get(contact.contact_id);
  const attributes = Object.entries(contact.attributes);
  return (
    <aside class="desk-details" aria-label="Details">
      <header class="details-head">
        <button type="button" class="button button-quiet button-icon only-medium" aria-label="Back to the chat" onClick={() => (desk.view.value = "chat")}>
          <Icon name="back" />
        </button>
        <h2 class="details-title">
          <bdi>{contact.name ?? contact.customer}</bdi>
        </h2>
      </header>
      <div class="details-body">
        {contact.description && <p dir="auto">{contact.description}</p>}
        <Section title="Customer">
          {attributes.length ? (
            <dl class="facts">
              {attributes.map(([name, value]) => (
                <Fact key={name} name={name}>
                  <bdi>{value}</bdi>
                </Fact>
              ))}
            </dl>
          ) : (
            <p class="muted small">No attributes</p>
          )}
        </Section>
        <Notes desk={desk} contact={contact} />
        <Section title="Contact">
          <ContactFacts contact={contact} />
        </Section>
        {conversation && (
          <Section title="History">
            <History key={desk.chats.keyOf(conversation)} conversation={conversation} />
          </Section>
        )}
      </div>
    </aside>
  );
}

function ContactFacts({ contact }: { contact: Contact }) {
  const address = temporalAddress(contact.initial_contact_id);
  return (
    <>
      <dl class="facts">
        <Fact name="Queue">{contact.queue ?? "–"}</Fact>
        <Fact name="Workstream">{contact.workstream}</Fact>
        <Fact name="Kind">{contact.mode === "live" ? "Live" : "Persistent"}</Fact>
        <Fact name="Started">
          <time dateTime={contact.started_at} title={fullTime(contact.started_at)}>
            {day(contact.started_at)}, {clock(contact.started_at)}
          </time>
        </Fact>
        {Object.entries(contact.references).map(([name, reference]) => (
          <Fact key={name} name={name}>
            <Reference value={reference.value} />
          </Fact>
        ))}
        <Fact name="Contact id">
          <code>{contact.contact_id}</code>
        </Fact>
      </dl>
      {address && (
        <a class="row small out-link" href={address} target="_blank" rel="noopener noreferrer">
          <Icon name="external" />
          Open in the Temporal UI
        </a>
      )}
    </>
  );
}

/** A reference of a backend. Web addresses are links; everything else is text. */
function Reference({ value }: { value: string }) {
  if (!/^https?:\/\//i.test(value)) return <bdi>{value}</bdi>;
  return (
    <a href={value} target="_blank" rel="noopener noreferrer nofollow">
      {value}
    </a>
  );
}

export function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="details-section" aria-label={title}>
      <h3 class="group-title">{title}</h3>
      {children}
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt>
        <bdi>{name}</bdi>
      </dt>
      <dd>{children}</dd>
    </>
  );
}
