/** Queues: how many wait, for how long, and who serves them. A queue filters the contacts below. */
import { lasting } from "../team/clock";
import type { Queue } from "../team/records";
import type { Floor } from "./floor";

export function Queues({ floor }: { floor: Floor }) {
  return (
    <section aria-labelledby="queues">
      <h2 id="queues" class="section-title">
        Queues
      </h2>
      <ul role="list" class="tiles">
        {floor.queues.value.map((queue) => (
          <li key={queue.queue}>
            <Tile floor={floor} queue={queue} />
          </li>
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
  return (
    <button
      type="button"
      class={`tile ${queue.waiting ? "tile-waiting" : ""}`}
      aria-pressed={isChosen}
      onClick={() => (floor.filter.value = { ...filter, queue: isChosen ? "" : queue.queue })}
    >
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
  );
}
