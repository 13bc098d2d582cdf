import { useEffect } from "preact/hooks";
import { text } from "../shared/texts";
import { Icon } from "../shared/ui/Icon";
import { isComposing } from "../shared/ui/keys";
import { ChatView } from "./ChatView";
import { isFramed, tellHost } from "./host";
import { StartForm } from "./StartForm";
import type { Store } from "./store";
import { WelcomeBack } from "./WelcomeBack";

export function App({ store }: { store: Store }) {
  useEffect(() => {
    document.title = text("title");
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented && !isComposing(event) && !document.querySelector("dialog[open], [popover]:popover-open")) {
        tellHost({ kind: "close" });
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return (
    <main class="widget" aria-label={text("title")}>
      <View store={store} />
    </main>
  );
}

function View({ store }: { store: Store }) {
  const conversation = store.conversation.value;
  switch (store.view.value) {
    case "chat":
      // a new token is another conversation of the page, also in the same chat
      return conversation && <ChatView key={conversation.details.ParticipantToken} store={store} conversation={conversation} />;
    case "start":
      return (
        <Plain>
          <StartForm store={store} />
        </Plain>
      );
    case "welcome":
      return (
        <Plain>
          <WelcomeBack store={store} />
        </Plain>
      );
    case "loading":
      return (
        <Plain>
          <p class="empty" role="status">
            {text("loading")}
          </p>
        </Plain>
      );
    default:
      return (
        <Plain>
          <div class="empty" role="alert">
            <Icon name="alert" />
            <p>{text(store.view.value === "not-served" ? "notServed" : "unavailable")}</p>
            {store.view.value === "unavailable" && <p class="small">{text("unavailableHint")}</p>}
          </div>
        </Plain>
      );
  }
}

/** A view without a chat: a bar with the way out, and the content. */
function Plain({ children }: { children: preact.ComponentChildren }) {
  return (
    <>
      <header class="bar">
        <h1 class="bar-title">{text("title")}</h1>
        <CloseButton />
      </header>
      <div class="plain">{children}</div>
    </>
  );
}

/** Closes the frame; a page of its own has nothing to close. */
export function CloseButton() {
  if (!isFramed) return null;
  return (
    <button type="button" class="button button-quiet button-icon" aria-label={text("close")} title={text("close")} onClick={() => tellHost({ kind: "close" })}>
      <Icon name="down" />
    </button>
  );
}
