/** Every open contact, with filters, and what a supervisor can do with it. */
import { useSignal } from "@preact/signals";
import { Icon } from "../shared/ui/Icon";
import { Confirm } from "../team/Confirm";
import { lasting } from "../team/clock";
import type { OpenContact, State } from "../team/records";
import { temporalAddress } from "../team/session";
import { AssignDialog } from "./AssignDialog";
import { ALL, type Floor } from "./floor";

const STATES: Record<State, { name: string; dot: string }> = {
  OPEN: { name: "Waiting", dot: "dot-warning" },
  ACTIVE: { name: "Active", dot: "dot-good" },
  WAITING: { name: "Parked", dot: "dot-hollow" },
  WRAP_UP: { name: "Wrap-up", dot: "" },
};

export function Contacts({ floor }: { floor: Floor }) {
  const shown = floor.shown.value;
  const all = floor.contacts.value.length;
  return (
    <section aria-labelledby="contacts">
      <div class="section-head">
        <h2 id="contacts" class="section-title" tabIndex={-1}>
          Open contacts <span class="count">{shown.length === all ? all : `${shown.length} of ${all}`}</span>
        </h2>
        <Filters floor={floor} />
      </div>
      {floor.hasMore.value && <p class="notice notice-warning small">There are more open contacts than this page shows: the oldest {all} are listed.</p>}
      {shown.length === 0 ? (
        <p class="empty table-box">{all ? "No contact fits the filter." : "No contact is open."}</p>
      ) : (
        <div class="table-box">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Customer</th>
                <th scope="col">State</th>
                <th scope="col">For</th>
                <th scope="col">Queue</th>
                <th scope="col">Agent</th>
                <th scope="col">
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((contact) => (
                <Row key={contact.contact_id} floor={floor} contact={contact} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Filters({ floor }: { floor: Floor }) {
  const filter = floor.filter.value;
  const isFiltered = Object.values(filter).some(Boolean);
  return (
    <search class="filters">
      <input
        class="input input-small filter-words"
        type="search"
        placeholder="Search"
        aria-label="Search the contacts"
        value={filter.words}
        onInput={(event) => (floor.filter.value = { ...filter, words: event.currentTarget.value })}
      />
      <Choice label="State" all="All states" value={filter.state} options={Object.entries(STATES).map(([state, { name }]) => [state, name])} onChoose={(state) => (floor.filter.value = { ...filter, state: state as State | "" })} />
      <Choice label="Queue" all="All queues" value={filter.queue} options={floor.queues.value.map(({ queue }) => [queue, queue])} onChoose={(queue) => (floor.filter.value = { ...filter, queue })} />
      <Choice label="Agent" all="All agents" value={filter.agent} options={floor.agents.value.map(({ user, name }) => [user, name])} onChoose={(agent) => (floor.filter.value = { ...filter, agent })} />
      {isFiltered && (
        <button type="button" class="button button-quiet button-small" onClick={() => (floor.filter.value = ALL)}>
          Clear
        </button>
      )}
    </search>
  );
}

function Choice(props: { label: string; all: string; value: string; options: string[][]; onChoose: (value: string) => void }) {
  return (
    <select class="input input-small" aria-label={props.label} value={props.value} onChange={(event) => props.onChoose(event.currentTarget.value)}>
      <option value="">{props.all}</option>
      {props.options.map(([value, name]) => (
        <option key={value} value={value} selected={value === props.value}>
          {name}
        </option>
      ))}
    </select>
  );
}

type Asked = "assign" | "release" | "end" | "close";

function Row({ floor, contact }: { floor: Floor; contact: OpenContact }) {
  const asked = useSignal<Asked | null>(null);
  const close = () => (asked.value = null);
  const isBusy = floor.busy.value.has(contact.contact_id);
  const nameOf = (user: string) => floor.names.value.get(user) ?? user;
  const address = temporalAddress(contact.initial_contact_id);
  const { name, dot } = STATES[contact.state];
  const ask = (action: Asked, words: string) => (
    <button type="button" class="button button-small" disabled={isBusy} onClick={() => (asked.value = action)}>
      {words}
      <span class="visually-hidden"> {contact.customer}</span>
    </button>
  );
  return (
    <tr>
      <th scope="row" data-label="Customer">
        <bdi>{contact.customer}</bdi>
      </th>
      <td data-label="State">
        <span class="row">
          <span class={`dot ${dot}`} />
          {name}
        </span>
      </td>
      <td data-label="For" class="number">
        {lasting(contact.since)}
      </td>
      <td data-label="Queue">
        <bdi>{contact.queue}</bdi>
      </td>
      <td data-label="Agent">
        {contact.agent ? (
          <bdi>{nameOf(contact.agent)}</bdi>
        ) : contact.offered_to ? (
          <span class="muted">
            Offered to <bdi>{nameOf(contact.offered_to)}</bdi>
          </span>
        ) : (
          <span class="muted">–</span>
        )}
      </td>
      <td class="cell-actions">
        <span class="row row-actions">
          {contact.state !== "WRAP_UP" && ask("assign", "Assign")}
          {contact.state === "ACTIVE" && ask("release", "Release")}
          {contact.state === "WRAP_UP" ? ask("close", "Close") : ask("end", "End")}
          {address && (
            <a class="button button-quiet button-icon button-small" href={address} target="_blank" rel="noopener noreferrer" aria-label={`${contact.customer} in the Temporal UI`} title="Open in the Temporal UI">
              <Icon name="external" />
            </a>
          )}
        </span>
        {asked.value === "assign" && <AssignDialog floor={floor} contact={contact} onClose={close} />}
        {asked.value === "release" && (
          <Confirm title="Release this chat?" action="Release" onClose={close} onConfirm={() => floor.perform(contact, "release")}>
            It leaves <strong>{nameOf(contact.agent ?? "")}</strong> and goes back to the queue <strong>{contact.queue}</strong>, ahead of those who wait there.
          </Confirm>
        )}
        {asked.value === "end" && (
          <Confirm title="End this chat?" action="End chat" isDanger onClose={close} onConfirm={() => floor.perform(contact, "end")}>
            It ends for <strong>
              <bdi>{contact.customer}</bdi>
            </strong>, and cannot be taken up again.
          </Confirm>
        )}
        {asked.value === "close" && (
          <Confirm title="Close this wrap-up?" action="Close" onClose={close} onConfirm={() => floor.perform(contact, "close")}>
            <strong>{nameOf(contact.agent ?? "")}</strong> can no longer work on it.
          </Confirm>
        )}
      </td>
    </tr>
  );
}
