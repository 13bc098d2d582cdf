/** The form with which a chat begins: how to talk, a name, and a first message. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { fullTime } from "../shared/chat/time";
import { text } from "../shared/texts";
import { Icon } from "../shared/ui/Icon";
import { sends } from "../shared/ui/keys";
import type { Store, Workstream } from "./store";

export function StartForm({ store }: { store: Store }) {
  const offered = store.workstreams.value;
  const chosen = useSignal((offered.find((each) => each.takes_chats) ?? offered[0]!).workstream);
  const name = useSignal(store.settings.name || store.memory.name);
  const message = useSignal("");
  const first = useRef<HTMLTextAreaElement>(null);
  const workstream = offered.find((each) => each.workstream === chosen.value) ?? offered[0]!;

  useEffect(() => {
    if (store.focusRequests.value) first.current?.focus({ preventScroll: true });
  }, [store.focusRequests.value]);

  const start = () => {
    if (!workstream.takes_chats) return;
    void store.start({ workstream: workstream.workstream, name: name.value, message: message.value });
  };

  return (
    <form
      class="start"
      onSubmit={(event) => {
        event.preventDefault();
        start();
      }}
    >
      <div class="start-head">
        <h2 class="start-title">{text("greeting")}</h2>
        <p class="muted">{text("introduction")}</p>
      </div>
      {offered.length > 1 && (
        <fieldset class="kinds">
          <legend class="field-label">{text("kind")}</legend>
          {offered.map((each) => (
            <Kind key={each.workstream} workstream={each} isChosen={each === workstream} onChoose={() => (chosen.value = each.workstream)} />
          ))}
        </fieldset>
      )}
      {!workstream.is_open && <Closed workstream={workstream} />}
      {!store.settings.name && (
        <div class="field">
          <label for="name">
            {text("name")} <span class="field-hint">{text("nameHint")}</span>
          </label>
          <input id="name" class="input" autocomplete="name" maxLength={100} dir="auto" value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} />
        </div>
      )}
      <div class="field">
        <label for="message">{text("firstMessage")}</label>
        <textarea
          id="message"
          ref={first}
          class="input"
          rows={2}
          maxLength={4000}
          dir="auto"
          placeholder={text("firstMessagePlaceholder")}
          value={message.value}
          onInput={(event) => (message.value = event.currentTarget.value)}
          onKeyDown={(event) => {
            if (sends(event) && message.value.trim()) {
              event.preventDefault();
              start();
            }
          }}
        />
      </div>
      {store.problem.value && (
        <p class="notice notice-danger" role="alert">
          {store.problem.value}
        </p>
      )}
      <div class="start-foot">
        <button type="submit" class="button button-primary" disabled={store.isStarting.value || !workstream.takes_chats}>
          {text(store.isStarting.value ? "starting" : "start")}
        </button>
      </div>
    </form>
  );
}

function Kind({ workstream, isChosen, onChoose }: { workstream: Workstream; isChosen: boolean; onChoose: () => void }) {
  return (
    <label class={`kind ${isChosen ? "kind-chosen" : ""}`}>
      <input type="radio" name="kind" checked={isChosen} onChange={onChoose} />
      <span>
        <span class="kind-name">{nameOf(workstream)}</span>
        {isChosen && <span class="kind-hint">{text(workstream.mode === "live" ? "liveHint" : "persistentHint")}</span>}
      </span>
    </label>
  );
}

function nameOf(workstream: Workstream): string {
  return workstream.name ?? text(workstream.mode === "live" ? "live" : "persistent");
}

/** The queue is closed. A persistent chat can begin all the same. */
function Closed({ workstream }: { workstream: Workstream }) {
  return (
    <div class="notice notice-warning row" role="status">
      <Icon name="clock" />
      <p>
        <strong>{text("outOfHours")}.</strong> {workstream.opens_at ? text("opensAt", { when: fullTime(workstream.opens_at) }) : ""}{" "}
        {workstream.takes_chats ? text("outOfHoursHint") : ""}
      </p>
    </div>
  );
}
