/** Agents: their status, which can be changed, and their load. */
import { useSignal } from "@preact/signals";
import { Confirm } from "../team/Confirm";
import { lasting } from "../team/clock";
import { STATUSES, type Agent, type Status } from "../team/records";
import type { Floor } from "./floor";

export function Agents({ floor }: { floor: Floor }) {
  return (
    <section aria-labelledby="agents">
      <h2 id="agents" class="section-title">
        Agents
      </h2>
      <div class="table-box">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Agent</th>
              <th scope="col">Status</th>
              <th scope="col">For</th>
              <th scope="col">Load</th>
            </tr>
          </thead>
          <tbody>
            {floor.agents.value.map((agent) => (
              <Row key={agent.user} floor={floor} agent={agent} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ floor, agent }: { floor: Floor; agent: Agent }) {
  /** Offline gives the agent's conversations back to their queues, so it is asked first. */
  const asks = useSignal(false);
  const count = floor.contacts.value.filter((each) => each.agent === agent.user && each.state === "ACTIVE").length;
  const choose = (status: Status) => {
    if (status === "offline" && count) asks.value = true;
    else void floor.setStatus(agent.user, status);
  };
  return (
    <tr>
      <th scope="row" data-label="Agent">
        <bdi>{agent.name}</bdi> <span class="small muted">{agent.user}</span>
      </th>
      <td data-label="Status">
        <span class="status-cell">
          <span class={`dot ${STATUSES[agent.status].dot}`} />
          <select
            class="input input-small"
            aria-label={`Status of ${agent.name}`}
            disabled={floor.busy.value.has(agent.user)}
            value={agent.status}
            onChange={(event) => {
              const status = event.currentTarget.value as Status;
              event.currentTarget.value = agent.status;
              choose(status);
            }}
          >
            {Object.entries(STATUSES).map(([status, { name }]) => (
              <option key={status} value={status} selected={status === agent.status}>
                {name}
              </option>
            ))}
          </select>
        </span>
        {agent.next_status && <span class="small muted"> {STATUSES[agent.next_status].name} when free</span>}
        {asks.value && (
          <Confirm title={`Set ${agent.name} offline?`} action="Set offline" isDanger onClose={() => (asks.value = false)} onConfirm={() => floor.setStatus(agent.user, "offline")}>
            {count === 1 ? "One conversation goes" : `${count} conversations go`} back to the queue.
          </Confirm>
        )}
      </td>
      <td data-label="For" class="number">
        {lasting(agent.status_since)}
      </td>
      <td data-label="Load" class="number">
        <span class={agent.over_capacity ? "over" : ""}>
          {agent.load} of {agent.capacity}
        </span>
      </td>
    </tr>
  );
}
