/** What an agent can do with a contact. What cannot be undone is asked first. */
import { useSignal } from "@preact/signals";
import { Icon, type IconName } from "../shared/ui/Icon";
import { Confirm } from "../team/Confirm";
import type { Contact } from "../team/records";
import type { Desk } from "./desk";
import { TransferDialog } from "./TransferDialog";

type Asked = "transfer" | "release" | "end";

export function Actions({ desk, contact }: { desk: Desk; contact: Contact }) {
  const asked = useSignal<Asked | null>(null);
  const isBusy = desk.busy.value.has(contact.contact_id);
  const close = () => (asked.value = null);
  if (contact.state !== "ACTIVE") return null;
  return (
    <div class="actions" role="group" aria-label="Actions">
      {contact.mode === "persistent" && (
        <Action icon="park" name="Park" hint="Set it aside until the customer writes" keys="Alt+P" disabled={isBusy} onClick={() => void desk.perform(contact, "park")} />
      )}
      <Action icon="transfer" name="Transfer" hint="Pass it on to an agent or a queue" disabled={isBusy} onClick={() => (asked.value = "transfer")} />
      <Action icon="release" name="Release" hint="Give it back to its queue" disabled={isBusy} onClick={() => (asked.value = "release")} />
      <Action icon="end" name="End" hint="End the chat for the customer" disabled={isBusy} onClick={() => (asked.value = "end")} />
      {asked.value === "transfer" && <TransferDialog desk={desk} contact={contact} onClose={close} />}
      {asked.value === "release" && (
        <Confirm title="Release this chat?" action="Release" onClose={close} onConfirm={() => desk.perform(contact, "release")}>
          It goes back to the queue <strong>{contact.queue}</strong>, ahead of those who wait there, and is no longer yours.
        </Confirm>
      )}
      {asked.value === "end" && (
        <Confirm title="End this chat?" action="End chat" isDanger onClose={close} onConfirm={() => desk.perform(contact, "end")}>
          It ends for <strong>
            <bdi>{contact.customer}</bdi>
          </strong>, and cannot be taken up again. You finish your notes in the wrap-up.
        </Confirm>
      )}
    </div>
  );
}

function Action(props: { icon: IconName; name: string; hint: string; keys?: string; disabled: boolean; onClick: () => void }) {
  return (
    <button
      type="button"
      class={`button button-small action ${props.icon === "end" ? "action-end" : ""}`}
      title={props.keys ? `${props.hint} (${props.keys})` : props.hint}
      aria-keyshortcuts={props.keys}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
      <span class="action-name">{props.name}</span>
    </button>
  );
}
