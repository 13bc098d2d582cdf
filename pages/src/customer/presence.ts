/** With whom the customer is talking, as the transcript of the present chat says. */
import { EVENTS, INTERACTIVE, type Item } from "../shared/chat/wire";

export interface Presence {
  /** The name of the agent who is in the chat; null while nobody is. */
  agent: string | null;
  /** Whether a survey asks the customer. */
  isAsked: boolean;
}

export function presenceOf(items: readonly Item[]): Presence {
  let agent: string | null = null;
  let isAsked = false;
  for (const item of items) {
    if (item.ContactId === undefined) continue;
    if (item.ParticipantRole === "AGENT" && (item.ContentType === EVENTS.joined || item.Type !== "EVENT")) {
      agent = item.DisplayName ?? "";
      isAsked = false;
    } else if (item.ParticipantRole === "AGENT" && item.ContentType === EVENTS.left) agent = null;
    else if (item.ParticipantRole === "SYSTEM" && item.ContentType === INTERACTIVE) isAsked = true;
  }
  return { agent, isAsked };
}
