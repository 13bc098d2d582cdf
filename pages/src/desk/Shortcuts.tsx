/** Keys of the desk. They all need Alt, so that they never stand in the way of writing. */
import { Dialog } from "../shared/ui/Dialog";
import { showNotes } from "./ChatPanel";
import type { Desk } from "./desk";

interface Shortcut {
  keys: string;
  code: string;
  does: string;
  run: (desk: Desk) => void;
}

const SHORTCUTS: Shortcut[] = [
  { keys: "A", code: "KeyA", does: "Accept the first offer", run: (desk) => desk.offers.value[0] && void desk.accept(desk.offers.value[0]) },
  { keys: "↑", code: "ArrowUp", does: "The conversation before", run: (desk) => desk.step(-1) },
  { keys: "↓", code: "ArrowDown", does: "The next conversation", run: (desk) => desk.step(1) },
  { keys: "M", code: "KeyM", does: "Write a message", run: () => document.querySelector<HTMLTextAreaElement>(".desk-chat textarea")?.focus() },
  { keys: "N", code: "KeyN", does: "Write a note", run: showNotes },
  { keys: "P", code: "KeyP", does: "Park or resume the conversation", run: parkOrResume },
];

function parkOrResume(desk: Desk): void {
  const contact = desk.selected.value;
  if (contact?.state === "ACTIVE" && contact.mode === "persistent") void desk.perform(contact, "park");
  else if (contact?.state === "WAITING" || contact?.state === "OPEN") void desk.resume(contact);
}

/** Listen to the keys. Returns how to stop. */
export function bindShortcuts(desk: Desk): () => void {
  const onKey = (event: KeyboardEvent) => {
    if (!event.altKey || event.repeat || event.ctrlKey || event.metaKey || event.shiftKey || document.querySelector("dialog[open]")) return;
    // by the letter, which stands elsewhere on some keyboards; where Alt writes another character, by the place of the key
    const code = /^[a-z]$/i.test(event.key) ? `Key${event.key.toUpperCase()}` : event.code;
    const shortcut = SHORTCUTS.find((each) => each.code === code);
    if (!shortcut) return;
    event.preventDefault();
    shortcut.run(desk);
  };
  window.addEventListener("keydown", onKey);
  return () => window.removeEventListener("keydown", onKey);
}

export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl class="keys">
        {SHORTCUTS.map((each) => (
          <div key={each.code}>
            <dt>
              <kbd>Alt</kbd> <kbd>{each.keys}</kbd>
            </dt>
            <dd>{each.does}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd>Enter</kbd>
          </dt>
          <dd>Send the message; with Shift, begin a line</dd>
        </div>
        <div>
          <dt>
            <kbd>Ctrl</kbd> <kbd>Enter</kbd>
          </dt>
          <dd>Save the note</dd>
        </div>
      </dl>
      <div class="row">
        <button type="button" class="button button-primary" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
