/** With whom the customer is talking, as the transcript of the present chat says. */
import { EVENTS, type Item } from "../shared/chat/wire";

export interface Presence {
  /** The name of the agent who is in the chat; null while nobody is. */
  agent: string | null;
}

export function presenceOf(items: readonly Item[]): Presence {
  let agent: string | null = null;
  for (const item of items) {
    if (item.ContactId === undefined) continue;
    if (item.ParticipantRole === "AGENT" && (item.ContentType === EVENTS.joined || item.Type !== "EVENT")) {
      agent = item.DisplayName ?? "";
    } else if (item.ParticipantRole === "AGENT" && item.ContentType === EVENTS.left) agent = null;
  }
  return { agent };
}
