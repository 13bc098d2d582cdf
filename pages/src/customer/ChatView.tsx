/** A chat: with whom, the messages, and where to write. */
import { useComputed, useSignal, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Composer } from "../shared/chat/Composer";
import type { Conversation } from "../shared/chat/conversation";
import { MessageList } from "../shared/chat/MessageList";
import { TypingLine } from "../shared/chat/TypingLine";
import { text, type Texts } from "../shared/texts";
import { announce } from "../shared/ui/announce";
import { Dialog } from "../shared/ui/Dialog";
import { Icon } from "../shared/ui/Icon";
import { CloseButton } from "./App";
import { downloadTranscript } from "./download";
import { Menu } from "./Menu";
import { presenceOf } from "./presence";
import type { Store } from "./store";
import { ContinueOrNew } from "./WelcomeBack";

export function ChatView({ store, conversation }: { store: Store; conversation: Conversation }) {
  const presence = useComputed(() => presenceOf(conversation.transcript.items.value));
  const isEnding = useSignal(false);
  const problem = useSignal<string | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const isClosed = conversation.isClosed.value;
  const workstream = store.workstream;

  useEffect(() => {
    if (store.focusRequests.value) box.current?.querySelector("textarea")?.focus({ preventScroll: true });
  }, [store.focusRequests.value]);

  useEffect(() => {
    const state = conversation.connection.value;
    if (state === "reconnecting" || state === "offline" || state === "closed") announce(text(state));
  }, [conversation.connection.value]);

  const isWaiting = !presence.value.agent && !presence.value.isAsked;
  const canEnd = !isClosed && (workstream?.customer_may_end ?? false);
  return (
    <div class="chat" ref={box}>
      <header class="bar">
        <div class="bar-words">
          <h1 class="bar-title" dir="auto">
            {presence.value.agent && !isClosed ? presence.value.agent : text("title")}
          </h1>
          {/* the foot says that it is over */}
          {!isClosed && <State conversation={conversation} isWaiting={isWaiting} />}
        </div>
        <Menu
          onEnd={canEnd ? () => (isEnding.value = true) : null}
          onForget={isClosed ? () => store.forget() : null}
          onDownload={() => attempt(problem, "transcriptFailed", downloadTranscript(conversation))}
        />
        <CloseButton />
      </header>
      {!isClosed && conversation.reader.hasOlder.value !== null && isWaiting && (
        <Waiting isPersistent={workstream?.mode === "persistent"} />
      )}
      {problem.value && (
        <p class="notice notice-danger notice-bar row" role="alert">
          <span>{problem.value}</span>
          <button type="button" class="button button-quiet button-icon push" aria-label={text("dismiss")} onClick={() => (problem.value = null)}>
            <Icon name="close" />
          </button>
        </p>
      )}
      <MessageList conversation={conversation} />
      {isClosed ? (
        <Ended store={store} />
      ) : (
        <>
          <TypingLine conversation={conversation} />
          <Composer conversation={conversation} files={workstream?.files ?? []} draftKey={`draft ${conversation.details.ContactId}`} />
        </>
      )}
      {isEnding.value && (
        <Dialog title={text("endQuestion")} onClose={() => (isEnding.value = false)}>
          <p>{text("endHint")}</p>
          <div class="row row-wrap">
            <button
              type="button"
              class="button button-primary"
              onClick={() => {
                isEnding.value = false;
                void attempt(problem, "endFailed", conversation.leave());
              }}
            >
              {text("end")}
            </button>
            <button type="button" class="button" onClick={() => (isEnding.value = false)}>
              {text("cancel")}
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}

/** Do something that needs the server, and say in plain words if it fails. */
async function attempt(problem: Signal<string | null>, failure: keyof Texts, work: Promise<void>): Promise<void> {
  problem.value = null;
  try {
    await work;
  } catch {
    problem.value = text(failure);
  }
}

/** Stands in place of the composer. Whoever was writing there goes on here. */
function Ended({ store }: { store: Store }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (document.hasFocus() && document.activeElement === document.body) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <footer class="ended">
      <h2 ref={heading} tabIndex={-1}>
        {text("closed")}
      </h2>
      <ContinueOrNew store={store} />
    </footer>
  );
}

const DOTS = { connected: "dot-good", connecting: "", reconnecting: "dot-warning", offline: "dot-danger", closed: "" } as const;

function State({ conversation, isWaiting }: { conversation: Conversation; isWaiting: boolean }) {
  const state = conversation.connection.value;
  return (
    <p class="bar-state">
      <span class={`dot ${isWaiting && state === "connected" ? "dot-warning" : DOTS[state]}`} />
      {text(state)}
    </p>
  );
}

function Waiting({ isPersistent }: { isPersistent: boolean }) {
  return (
    <div class="waiting" role="status">
      <p class="waiting-title">{text("waiting")}</p>
      {isPersistent && <p>{text("waitingPersistent")}</p>}
    </div>
  );
}
