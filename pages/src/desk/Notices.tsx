/** What the agent is told, in a corner. Screen readers hear it when it comes (`tell`). */
import { Icon } from "../shared/ui/Icon";
import { dismiss, notices } from "./alerts";
import type { Desk } from "./desk";

export function Notices({ desk }: { desk: Desk }) {
  return (
    <section class="notices" aria-label="Notifications">
      {notices.value.map((notice) => (
        <div key={notice.id} class={`toast ${notice.isProblem ? "toast-problem" : ""}`}>
          {notice.isProblem && <Icon name="alert" />}
          <p dir="auto">{notice.text}</p>
          {notice.contact && desk.contacts.value.some((each) => each.contact_id === notice.contact) && (
            <button
              type="button"
              class="button button-small"
              onClick={() => {
                dismiss(notice.id);
                desk.select(notice.contact);
              }}
            >
              Open
            </button>
          )}
          <button type="button" class="button button-quiet button-icon toast-close" aria-label="Dismiss" onClick={() => dismiss(notice.id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </section>
  );
}
