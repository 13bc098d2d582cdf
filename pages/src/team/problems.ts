import { ApiError } from "../shared/api";
import { plainReason } from "../shared/chat/words";

/** What went wrong with a request, for people. */
export function problemOf(error: unknown): string {
  if (!(error instanceof ApiError)) return "That did not work.";
  if (error.status === 0 || error.status >= 500) return "The server does not answer. Try again in a moment.";
  if (error.status === 429) return "That was too fast. Try again in a moment.";
  return plainReason(error.message);
}
