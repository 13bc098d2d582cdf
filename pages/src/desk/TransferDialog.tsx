/** To whom a chat is passed on: a queue, or another agent. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Dialog } from "../shared/ui/Dialog";
import { TargetDialog } from "../team/TargetDialog";
import type { Contact, TransferTargets } from "../team/records";
import { problemOf } from "../team/problems";
import { request } from "../team/session";
import type { Desk } from "./desk";

export function TransferDialog({ desk, contact, onClose }: { desk: Desk; contact: Contact; onClose: () => void }) {
  const targets = useSignal<TransferTargets | null>(null);
  const problem = useSignal<string | null>(null);
  useEffect(() => {
    request<TransferTargets>("GET", "v1/agent/transfer-targets").then(
      (found) => (targets.value = found),
      (error) => (problem.value = problemOf(error)),
    );
  }, []);
  const title = "Transfer this chat";
  if (!targets.value) {
    return (
      <Dialog title={title} onClose={onClose}>
        {problem.value ? (
          <p class="notice notice-danger" role="alert">
            {problem.value}
          </p>
        ) : (
          <p role="status">Loading…</p>
        )}
        <div class="row">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </Dialog>
    );
  }
  return (
    <TargetDialog
      title={title}
      action="Transfer"
      agents={targets.value.agents}
      queues={targets.value.queues.filter((queue) => queue !== contact.queue)}
      hint="The customer stays connected. Your notes go along."
      onChoose={(target) => desk.transfer(contact, target)}
      onClose={onClose}
    />
  );
}
