import type { ComponentChildren } from "preact";
import { Dialog } from "../shared/ui/Dialog";

interface Props {
  title: string;
  action: string;
  isDanger?: boolean;
  onClose: () => void;
  onConfirm: () => unknown;
  children: ComponentChildren;
}

/** Asks before something that cannot be undone. */
export function Confirm({ title, action, isDanger = false, onClose, onConfirm, children }: Props) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{children}</p>
      <div class="row row-wrap">
        <button
          type="button"
          class={`button ${isDanger ? "button-danger" : "button-primary"}`}
          onClick={() => {
            onClose();
            void onConfirm();
          }}
        >
          {action}
        </button>
        <button type="button" class="button button-quiet" autofocus={isDanger} onClick={onClose}>
          Cancel
        </button>
      </div>
    </Dialog>
  );
}
