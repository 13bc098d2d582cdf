import { text } from "../texts";
import type { Conversation } from "./conversation";

/** Who is writing. The line keeps its height, so that nothing moves. */
export function TypingLine({ conversation }: { conversation: Conversation }) {
  const name = conversation.typing.value;
  return (
    <p class="typing-line" role="status">
      {name !== null && (
        <>
          <span class="typing-dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {name ? text("typing", { name }) : text("somebodyTyping")}
        </>
      )}
    </p>
  );
}
