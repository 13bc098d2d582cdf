/** Queues: how many wait, for how long, and who serves them. A queue filters the contacts below; all that wait in it can be moved. */
import { useSignal } from "@preact/signals";
import { lasting } from "../team/clock";
import type { Queue } from "../team/records";
import { TargetDialog } from "../team/TargetDialog";
import { queueKey, type Floor } from "./floor";

export function Queues({ floor }: { floor: Floor }) {
  return (
    <section aria-labelledby="queues">
      <h2 id="queues" class="section-title">
        Queues
      </h2>
      <ul role="list" class="tiles">
        {floor.queues.value.map((queue) => (
          <Tile key={queue.queue} floor={floor} queue={queue} />
        ))}
      </ul>
    </section>
  );
}

function Tile({ floor, queue }: { floor: Floor; queue: Queue }) {
  const filter = floor.filter.value;
  const isChosen = filter.queue === queue.queue;
  const offered = floor.contacts.value.filter((each) => each.queue === queue.queue && each.offered_to).length;
  const isAlone = queue.waiting > 0 && queue.present === 0;
  const asks = useSignal(false);
  return (
    <li class={`tile ${queue.waiting ? "tile-waiting" : ""} ${isChosen ? "tile-chosen" : ""}`}>
      <button type="button" class="tile-filter" aria-pressed={isChosen} onClick={() => (floor.filter.value = { ...filter, queue: isChosen ? "" : queue.queue })}>
        <bdi class="tile-name">{queue.queue}</bdi>
        <span class="tile-number">
          {queue.waiting} <span class="small">waiting</span>
        </span>
        <span class="small">
          {queue.longest_since ? `Longest ${lasting(queue.longest_since)}` : "Nobody waits"}
          {offered > 0 && `, ${offered} offered`}
        </span>
        <span class={`small ${isAlone ? "tile-alone" : "muted"}`}>
          {queue.present} of {queue.agents} {queue.agents === 1 ? "agent" : "agents"} present
        </span>
      </button>
      {queue.waiting + offered > 0 && (
        <button type="button" class="button button-small tile-action" disabled={floor.busy.value.has(queueKey(queue.queue))} onClick={() => (asks.value = true)}>
          Transfer all<span class="visually-hidden"> of {queue.queue}</span>
        </button>
      )}
      {asks.value && (
        <TargetDialog
          title={`Transfer all that wait in ${queue.queue}`}
          action="Transfer all"
          agents={floor.targets.value}
          queues={floor.queuesBut(queue.queue)}
          hint="Those who are offered to an agent at the moment go along. An agent gets them whatever their status and load."
          onChoose={(target) => floor.transferQueue(queue.queue, target)}
          onClose={() => (asks.value = false)}
        />
      )}
    </li>
  );
}
