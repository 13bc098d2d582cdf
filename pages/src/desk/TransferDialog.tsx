/** To whom a chat is passed on: a queue, or another agent. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Dialog } from "../shared/ui/Dialog";
import { STATUSES, type Contact, type TransferTargets } from "../team/records";
import { problemOf } from "../team/problems";
import { request } from "../team/session";
import type { Desk } from "./desk";

export function TransferDialog({ desk, contact, onClose }: { desk: Desk; contact: Contact; onClose: () => void }) {
  const targets = useSignal<TransferTargets | null>(null);
  const problem = useSignal<string | null>(null);
  const chosen = useSignal("");
  useEffect(() => {
    request<TransferTargets>("GET", "v1/agent/transfer-targets").then(
      (found) => (targets.value = found),
      (error) => (problem.value = problemOf(error)),
    );
  }, []);
  const transfer = () => {
    const [kind, ...rest] = chosen.value.split(":");
    const name = rest.join(":");
    if (!name) return;
    onClose();
    void desk.transfer(contact, kind === "user" ? { user: name } : { queue: name });
  };
  const queues = targets.value?.queues.filter((queue) => queue !== contact.queue) ?? [];
  return (
    <Dialog title="Transfer this chat" onClose={onClose}>
      {problem.value && (
        <p class="notice notice-danger" role="alert">
          {problem.value}
        </p>
      )}
      {!targets.value && !problem.value && <p role="status">Loading…</p>}
      {targets.value && (
        <form
          class="stack"
          onSubmit={(event) => {
            event.preventDefault();
            transfer();
          }}
        >
          <div class="targets">
            {targets.value.agents.length > 0 && (
              <fieldset>
                <legend class="group-title">Agents</legend>
                {targets.value.agents.map((agent) => (
                  <label key={agent.user} class="target">
                    <input type="radio" name="target" checked={chosen.value === `user:${agent.user}`} onChange={() => (chosen.value = `user:${agent.user}`)} />
                    <bdi class="target-name">{agent.name}</bdi>
                    <span class="row small muted">
                      <span class={`dot ${STATUSES[agent.status].dot}`} />
                      {STATUSES[agent.status].name}
                    </span>
                  </label>
                ))}
              </fieldset>
            )}
            {queues.length > 0 && (
              <fieldset>
                <legend class="group-title">Queues</legend>
                {queues.map((queue) => (
                  <label key={queue} class="target">
                    <input type="radio" name="target" checked={chosen.value === `queue:${queue}`} onChange={() => (chosen.value = `queue:${queue}`)} />
                    <bdi class="target-name">{queue}</bdi>
                  </label>
                ))}
              </fieldset>
            )}
          </div>
          <p class="small muted">The customer stays connected. Your notes go along.</p>
          <div class="row row-wrap">
            <button type="submit" class="button button-primary" disabled={!chosen.value}>
              Transfer
            </button>
            <button type="button" class="button button-quiet" onClick={onClose}>
              Cancel
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
