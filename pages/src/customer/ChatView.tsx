/** A chat: with whom, the messages, and where to write. */
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Composer } from "../shared/chat/Composer";
import type { Conversation } from "../shared/chat/conversation";
import { MessageList } from "../shared/chat/MessageList";
import { TypingLine } from "../shared/chat/TypingLine";
import { text } from "../shared/texts";
import { announce } from "../shared/ui/announce";
import { Dialog } from "../shared/ui/Dialog";
import { CloseButton } from "./App";
import { Menu } from "./Menu";
import { presenceOf } from "./presence";
import type { Store } from "./store";
import { ContinueOrNew } from "./WelcomeBack";

export function ChatView({ store, conversation }: { store: Store; conversation: Conversation }) {
  const presence = useComputed(() => presenceOf(conversation.transcript.items.value));
  const isEnding = useSignal(false);
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
          <State conversation={conversation} isWaiting={isWaiting} />
        </div>
        <Menu conversation={conversation} canEnd={canEnd} onEnd={() => (isEnding.value = true)} />
        <CloseButton />
      </header>
      {!isClosed && conversation.reader.hasOlder.value !== null && isWaiting && (
        <Waiting isPersistent={workstream?.mode === "persistent"} />
      )}
      <MessageList conversation={conversation} />
      {isClosed ? (
        <footer class="ended">
          <h2>{text("closed")}</h2>
          <ContinueOrNew store={store} />
        </footer>
      ) : (
        <>
          <TypingLine conversation={conversation} />
          <Composer conversation={conversation} files={(workstream?.files.length ?? 0) > 0} draftKey={`draft ${conversation.details.ContactId}`} />
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
                void conversation.leave();
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
