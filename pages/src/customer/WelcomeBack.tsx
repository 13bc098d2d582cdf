/** The customer has been here before, and their latest chat is over. */
import { ago } from "../shared/chat/time";
import { text } from "../shared/texts";
import type { Store } from "./store";

export function WelcomeBack({ store }: { store: Store }) {
  const saved = store.memory.chat.value;
  return (
    <div class="start">
      <div class="start-head">
        <h2 class="start-title">{text("welcomeBack")}</h2>
        <p class="muted">{text("welcomeBackHint", { when: saved ? ago(saved.endedAt ?? saved.startedAt) : "" })}</p>
      </div>
      <ContinueOrNew store={store} />
      <button type="button" class="link-button small" onClick={() => store.forget()}>
        {text("forget")}
      </button>
    </div>
  );
}

export function ContinueOrNew({ store }: { store: Store }) {
  return (
    <div class="stack stack-tight">
      {store.problem.value && (
        <p class="notice notice-danger" role="alert">
          {store.problem.value}
        </p>
      )}
      <div class="row row-wrap choices">
        <button type="button" class="button button-primary" disabled={store.isStarting.value} onClick={() => void store.continueChat()}>
          {text(store.isStarting.value ? "starting" : "continueChat")}
        </button>
        <button type="button" class="button" onClick={() => store.prepareNew()}>
          {text("startNew")}
        </button>
      </div>
    </div>
  );
}
