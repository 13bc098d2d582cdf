/** What can be done with a chat besides writing. */
import { useId, useRef } from "preact/hooks";
import type { Conversation } from "../shared/chat/conversation";
import { text } from "../shared/texts";
import { Icon } from "../shared/ui/Icon";
import { downloadTranscript } from "./download";

export function Menu({ conversation, canEnd, onEnd }: { conversation: Conversation; canEnd: boolean; onEnd: () => void }) {
  const id = useId();
  const menu = useRef<HTMLDivElement>(null);
  const close = () => menu.current?.hidePopover();
  return (
    <div class="menu-place">
      <button type="button" class="button button-quiet button-icon" popovertarget={id} aria-label={text("more")} title={text("more")}>
        <Icon name="more" />
      </button>
      <div ref={menu} id={id} popover="auto" class="menu">
        <button
          type="button"
          class="menu-item"
          onClick={() => {
            close();
            void downloadTranscript(conversation);
          }}
        >
          <Icon name="download" />
          {text("transcript")}
        </button>
        {canEnd && (
          <button
            type="button"
            class="menu-item"
            onClick={() => {
              close();
              onEnd();
            }}
          >
            <Icon name="end" />
            {text("end")}
          </button>
        )}
      </div>
    </div>
  );
}
