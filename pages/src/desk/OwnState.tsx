/** The agent's own status, and how much of their capacity is taken. */
import { useSignal } from "@preact/signals";
import { Dialog } from "../shared/ui/Dialog";
import { STATUSES, type Agent, type Status } from "../team/records";
import type { Desk } from "./desk";

export function StatusPicker({ desk, me }: { desk: Desk; me: Agent }) {
  /** A status that would take the agent's conversations away; they are asked first. */
  const asked = useSignal<Status | null>(null);
  const choose = (status: Status) => {
    if (status === "offline" && desk.active.value.length) asked.value = status;
    else void desk.setStatus(status);
  };
  const answer = (whenFree: boolean) => {
    const status = asked.value;
    asked.value = null;
    if (status) void desk.setStatus(status, whenFree);
  };
  const count = desk.active.value.length;
  return (
    <div class="status">
      <div class="status-box">
        <span class={`dot ${STATUSES[me.status].dot}`} />
        <select
          class="input status-input"
          aria-label="Your status"
          value={me.status}
          onChange={(event) => {
            const status = event.currentTarget.value as Status;
            // the picker shows what is, and not what may come
            event.currentTarget.value = me.status;
            choose(status);
          }}
        >
          {Object.entries(STATUSES).map(([status, { name }]) => (
            <option key={status} value={status} selected={status === me.status}>
              {name}
            </option>
          ))}
        </select>
      </div>
      {me.next_status && (
        <p class="small muted">
          {STATUSES[me.next_status].name} when you are free.{" "}
          <button type="button" class="link-button" onClick={() => void desk.setStatus(me.status)}>
            Cancel
          </button>
        </p>
      )}
      {asked.value && (
        <Dialog title="Go offline?" onClose={() => (asked.value = null)}>
          <p>{count === 1 ? "Your active conversation goes" : `Your ${count} active conversations go`} back to the queue if you go offline at once.</p>
          <div class="row row-wrap">
            <button type="button" class="button button-primary" onClick={() => answer(true)}>
              When I am free
            </button>
            <button type="button" class="button button-danger" onClick={() => answer(false)}>
              At once
            </button>
            <button type="button" class="button button-quiet" onClick={() => (asked.value = null)}>
              Cancel
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}

const MOST_PARTS = 12;

export function Capacity({ me }: { me: Agent }) {
  const parts = Math.max(me.capacity, 1);
  const words = `${me.load} of ${me.capacity} in use`;
  return (
    <div class="capacity">
      <div
        class={`meter ${me.over_capacity ? "meter-over" : me.load >= me.capacity ? "meter-full" : ""}`}
        role="meter"
        aria-label="Capacity"
        aria-valuemin={0}
        aria-valuemax={me.capacity}
        aria-valuenow={Math.min(me.load, me.capacity)}
        aria-valuetext={words}
      >
        {parts <= MOST_PARTS ? (
          Array.from({ length: parts }, (_, index) => <span key={index} class={index < me.load ? "meter-used" : ""} />)
        ) : (
          <span class="meter-whole">
            <span class="meter-used" style={{ inlineSize: `${Math.min(100, (100 * me.load) / parts)}%` }} />
          </span>
        )}
      </div>
      <span class="small muted" aria-hidden="true">
        {me.load} / {me.capacity}
      </span>
    </div>
  );
}
