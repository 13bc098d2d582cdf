/** To whom a contact goes. One that an agent works on is transferred; one that waits or is parked is assigned. */
import { useSignal } from "@preact/signals";
import { Dialog } from "../shared/ui/Dialog";
import { STATUSES, type OpenContact } from "../team/records";
import type { Floor } from "./floor";

export function AssignDialog({ floor, contact, onClose }: { floor: Floor; contact: OpenContact; onClose: () => void }) {
  const chosen = useSignal("");
  const agents = floor.agents.value.filter((agent) => contact.state !== "ACTIVE" || agent.user !== contact.agent);
  const assign = () => {
    onClose();
    void (contact.state === "ACTIVE" ? floor.transfer(contact, { user: chosen.value }) : floor.assign(contact, chosen.value));
  };
  return (
    <Dialog title={`Assign ${contact.customer}`} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (chosen.value) assign();
        }}
      >
        <fieldset class="targets">
          <legend class="visually-hidden">Agent</legend>
          <div>
            {agents.map((agent) => (
              <label key={agent.user} class="target">
                <input type="radio" name="agent" checked={chosen.value === agent.user} onChange={() => (chosen.value = agent.user)} />
                <bdi class="target-name">{agent.name}</bdi>
                <span class="row small muted">
                  <span class={`dot ${STATUSES[agent.status].dot}`} />
                  {STATUSES[agent.status].name} · {agent.load} of {agent.capacity}
                </span>
              </label>
            ))}
          </div>
        </fieldset>
        <p class="small muted">The agent gets it whatever their status and load.</p>
        <div class="row row-wrap">
          <button type="submit" class="button button-primary" disabled={!chosen.value}>
            Assign
          </button>
          <button type="button" class="button button-quiet" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
