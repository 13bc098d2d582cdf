/** The agent's queues, for those who choose their work themselves. They are read every few seconds while they are shown. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { lasting } from "../team/clock";
import type { Contact } from "../team/records";
import { request } from "../team/session";
import type { Desk } from "./desk";

interface OwnQueue {
  queue: string;
  waiting: number;
  longest_since: string | null;
}

const EVERY_MS = 5_000;

export function Queues({ desk }: { desk: Desk }) {
  const isOpen = useSignal(false);
  const queues = useSignal<readonly OwnQueue[]>([]);
  const load = async () => {
    if (document.hidden) return;
    queues.value = (await request<{ queues: OwnQueue[] }>("GET", "v1/agent/queues")).queues;
  };
  useEffect(() => {
    if (!isOpen.value) return undefined;
    const look = () => void load().catch(() => undefined);
    look();
    const timer = window.setInterval(look, EVERY_MS);
    return () => window.clearInterval(timer);
  }, [isOpen.value]);
  const takeNext = async (queue: string) => {
    await desk.take(queue, async () => {
      const path = `v1/agent/queues/${encodeURIComponent(queue)}`;
      const [next] = (await request<{ contacts: { contact_id: string }[] }>("GET", path)).contacts;
      return next ? request<Contact>("POST", `${path}/contacts/${next.contact_id}/pick`) : null;
    });
    await load().catch(() => undefined);
  };
  return (
    <details class="queues" onToggle={(event) => (isOpen.value = event.currentTarget.open)}>
      <summary class="group-title">Queues</summary>
      <ul role="list">
        {queues.value.map(({ queue, waiting, longest_since }) => (
          <li key={queue} class="queue">
            <span class="queue-words">
              <bdi>{queue}</bdi>
              <span class="small muted">{longest_since ? `${waiting} waiting, longest ${lasting(longest_since)}` : "Nobody waits"}</span>
            </span>
            {waiting > 0 && (
              <button type="button" class="button button-small" disabled={desk.busy.value.has(queue)} onClick={() => void takeNext(queue)}>
                Take next<span class="visually-hidden"> of {queue}</span>
              </button>
            )}
          </li>
        ))}
      </ul>
      {isOpen.value && queues.value.length === 0 && <p class="group-empty">You serve no queue</p>}
    </details>
  );
}
