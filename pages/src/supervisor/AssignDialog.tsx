/** To whom a contact goes. One that waits or is parked is assigned to an agent; one that somebody works on is transferred. */
import { TargetDialog } from "../team/TargetDialog";
import type { OpenContact } from "../team/records";
import type { Floor } from "./floor";

export function AssignDialog({ floor, contact, onClose }: { floor: Floor; contact: OpenContact; onClose: () => void }) {
  const isActive = contact.state === "ACTIVE";
  return (
    <TargetDialog
      title={`Assign ${contact.customer}`}
      action="Assign"
      agents={floor.targets.value.filter((agent) => !isActive || agent.user !== contact.agent)}
      queues={contact.state === "WAITING" ? [] : floor.queuesBut(contact.queue)}
      hint="An agent gets it whatever their status and load."
      onChoose={(target) => ("user" in target && !isActive ? floor.assign(contact, target.user) : floor.transfer(contact, target))}
      onClose={onClose}
    />
  );
}
