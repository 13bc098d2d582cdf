/** Asks to whom something goes: an agent, or a queue. */
import { useSignal } from "@preact/signals";
import { Dialog } from "../shared/ui/Dialog";
import { STATUSES, type Status } from "./records";

export type Target = { user: string } | { queue: string };

export interface TargetAgent {
  user: string;
  name: string;
  status: Status;
  /** What else helps to choose; empty for nothing. */
  remark?: string;
}

interface Props {
  title: string;
  /** The words of the button. */
  action: string;
  agents: readonly TargetAgent[];
  queues: readonly string[];
  /** What follows, for people. */
  hint: string;
  onChoose: (target: Target) => unknown;
  onClose: () => void;
}

export function TargetDialog({ title, action, agents, queues, hint, onChoose, onClose }: Props) {
  const chosen = useSignal<Target | null>(null);
  const isChosen = (target: Target) => JSON.stringify(target) === JSON.stringify(chosen.value);
  const option = (target: Target) => (
    <input type="radio" name="target" checked={isChosen(target)} onChange={() => (chosen.value = target)} />
  );
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          const target = chosen.value;
          if (!target) return;
          onClose();
          void onChoose(target);
        }}
      >
        <div class="targets">
          {agents.length > 0 && (
            <fieldset>
              <legend class="group-title">Agents</legend>
              {agents.map(({ user, name, status, remark }) => (
                <label key={user} class="target">
                  {option({ user })}
                  <bdi class="target-name">{name}</bdi>
                  <span class="row small muted">
                    <span class={`dot ${STATUSES[status].dot}`} />
                    {STATUSES[status].name}
                    {remark && ` · ${remark}`}
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
                  {option({ queue })}
                  <bdi class="target-name">{queue}</bdi>
                </label>
              ))}
            </fieldset>
          )}
        </div>
        <p class="small muted">{hint}</p>
        <div class="row row-wrap">
          <button type="submit" class="button button-primary" disabled={!chosen.value}>
            {action}
          </button>
          <button type="button" class="button button-quiet" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
