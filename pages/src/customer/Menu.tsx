/** What can be done with a chat besides writing. */
import { useId, useRef } from "preact/hooks";
import { text } from "../shared/texts";
import { Icon, type IconName } from "../shared/ui/Icon";

interface Props {
  onDownload: () => unknown;
  /** Null when the customer may not end the chat, or it is over. */
  onEnd: (() => unknown) | null;
  /** Null while the chat goes on. */
  onForget: (() => unknown) | null;
}

export function Menu({ onDownload, onEnd, onForget }: Props) {
  const id = useId();
  const menu = useRef<HTMLDivElement>(null);
  const item = (icon: IconName, words: string, run: () => unknown) => (
    <button
      type="button"
      class="menu-item"
      onClick={() => {
        menu.current?.hidePopover();
        void run();
      }}
    >
      <Icon name={icon} />
      {words}
    </button>
  );
  return (
    <div class="menu-place">
      <button type="button" class="button button-quiet button-icon" popovertarget={id} aria-label={text("more")} title={text("more")}>
        <Icon name="more" />
      </button>
      <div ref={menu} id={id} popover="auto" class="menu">
        {item("download", text("transcript"), onDownload)}
        {onEnd && item("end", text("end"), onEnd)}
        {onForget && item("forget", text("forget"), onForget)}
      </div>
    </div>
  );
}
