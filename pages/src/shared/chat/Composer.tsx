/** Where a person writes: Enter sends, Shift+Enter begins a line. The draft can outlive the page. */
import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { text } from "../texts";
import { announce } from "../ui/announce";
import { Icon } from "../ui/Icon";
import { sends } from "../ui/keys";
import type { Conversation } from "./conversation";
import { MAX_MESSAGE_BYTES } from "./wire";

interface Props {
  conversation: Conversation;
  /** The extensions of the files that can be sent; `any`: the server knows which. */
  files: readonly string[] | "any";
  /** Under which name the draft is kept in the tab; none: it is not kept. */
  draftKey?: string;
}

const encoder = new TextEncoder();

export function Composer({ conversation, files, draftKey }: Props) {
  const draft = useSignal(draftKey ? (sessionStorage.getItem(draftKey) ?? "") : "");
  const problem = useSignal<string | null>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);

  const write = (value: string) => {
    draft.value = value;
    if (draftKey && value) sessionStorage.setItem(draftKey, value);
    else if (draftKey) sessionStorage.removeItem(draftKey);
    const excess = encoder.encode(value).length - MAX_MESSAGE_BYTES;
    problem.value = excess > 0 ? text("tooLong", { count: excess }) : null;
  };

  const send = () => {
    const message = draft.value.trim();
    if (!message || problem.value) return;
    write("");
    conversation.send(message);
    area.current?.focus();
  };

  const sendFile = async (file: File) => {
    problem.value = null;
    if (files !== "any" && !files.includes(file.name.split(".").at(-1)!.toLowerCase())) {
      problem.value = text("fileFailed", { name: file.name, reason: text("fileKinds", { kinds: files.join(", ") }) });
      return;
    }
    announce(text("sendingFile", { name: file.name }));
    try {
      await conversation.sendFile(file);
    } catch (error) {
      problem.value = text("fileFailed", { name: file.name, reason: (error as Error).message });
    }
  };

  // as high as its lines, up to a limit that the style sheet has
  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.blockSize = "auto";
    element.style.blockSize = `${element.scrollHeight + 2}px`;
  }, [draft.value]);

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {problem.value && (
        <p class="composer-problem" role="alert">
          {problem.value}
        </p>
      )}
      <div class="composer-row">
        {files.length > 0 && (
          <>
            <button type="button" class="button button-quiet button-icon" aria-label={text("attach")} title={text("attach")} onClick={() => picker.current?.click()}>
              <Icon name="attach" />
            </button>
            <input
              ref={picker}
              type="file"
              hidden
              accept={files === "any" ? undefined : files.map((extension) => `.${extension}`).join(",")}
              onChange={(event) => {
                const file = event.currentTarget.files?.[0];
                event.currentTarget.value = "";
                if (file) void sendFile(file);
              }}
            />
          </>
        )}
        <textarea
          ref={area}
          class="input composer-input"
          rows={1}
          dir="auto"
          value={draft.value}
          placeholder={text("placeholder")}
          aria-label={text("message")}
          onInput={(event) => {
            write(event.currentTarget.value);
            if (draft.value) conversation.isTyping();
          }}
          onKeyDown={(event) => {
            if (sends(event)) {
              event.preventDefault();
              send();
            }
          }}
        />
        <button type="submit" class="button button-primary button-icon" aria-label={text("send")} title={text("send")} aria-disabled={!draft.value.trim()}>
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}
