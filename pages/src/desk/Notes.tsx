/** Notes for agents. They stay with the conversation; the customer never sees them. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ago, fullTime } from "../shared/chat/time";
import { announce } from "../shared/ui/announce";
import type { Contact, Note } from "../team/records";
import { problemOf } from "../team/problems";
import { keptKey, request } from "../team/session";
import { Section } from "./Details";
import type { Desk } from "./desk";

const LONGEST = 4096;

export function Notes({ desk, contact }: { desk: Desk; contact: Contact }) {
  const draftKey = keptKey(`note.${contact.contact_id}`);
  const notes = useSignal<readonly Note[] | null>(null);
  const draft = useSignal(sessionStorage.getItem(draftKey) ?? "");
  const problem = useSignal<string | null>(null);
  const isSaving = useSignal(false);
  const path = `v1/agent/contacts/${contact.contact_id}/notes`;

  const load = async () => {
    try {
      notes.value = (await request<{ notes: Note[] }>("GET", path)).notes;
    } catch (error) {
      problem.value = problemOf(error);
    }
  };
  useEffect(() => void load(), [contact.contact_id, contact.state]);

  const write = (value: string) => {
    draft.value = value;
    if (value) sessionStorage.setItem(draftKey, value);
    else sessionStorage.removeItem(draftKey);
  };
  const save = async () => {
    const text = draft.value.trim();
    if (!text || isSaving.value) return;
    isSaving.value = true;
    problem.value = null;
    try {
      const note = await request<Note>("POST", path, { text });
      notes.value = [...(notes.value ?? []), note];
      // what was written meanwhile stays
      write(draft.value.trim().startsWith(text) ? draft.value.trim().slice(text.length).trimStart() : draft.value);
      announce("The note is saved.");
    } catch (error) {
      problem.value = problemOf(error);
    } finally {
      isSaving.value = false;
    }
  };

  return (
    <Section title="Notes">
      {notes.value?.length === 0 && <p class="muted small">No notes yet</p>}
      {!!notes.value?.length && (
        <ul role="list" class="notes">
          {notes.value.map((note) => (
            <li key={note.note_id} class="note">
              <p class="plain-text" dir="auto">
                {note.text}
              </p>
              <p class="small muted">
                {note.user === desk.me.value?.user ? "You" : note.user} ·{" "}
                <time dateTime={note.at} title={fullTime(note.at)}>
                  {ago(note.at)}
                </time>
              </p>
            </li>
          ))}
        </ul>
      )}
      {problem.value && (
        <p class="notice notice-danger small" role="alert">
          {problem.value}
        </p>
      )}
      <form
        class="stack stack-tight"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <label for="note" class="visually-hidden">
          New note, for agents only
        </label>
        <textarea
          id="note"
          class="input"
          rows={2}
          maxLength={LONGEST}
          dir="auto"
          placeholder="A note for agents only"
          aria-keyshortcuts="Alt+N"
          value={draft.value}
          onInput={(event) => write(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
              event.preventDefault();
              void save();
            }
          }}
        />
        {draft.value.trim() && (
          <div class="row">
            <button type="submit" class="button button-small" disabled={isSaving.value}>
              Save note
            </button>
            <span class="small muted">Ctrl+Enter</span>
          </div>
        )}
      </form>
    </Section>
  );
}
