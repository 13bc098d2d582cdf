/**
 * Own messages on their way. One is sent after the other, so that they arrive as they were written. What has no answer waits for
 * the connection, and is sent again with the same token, so that it arrives once.
 */
import type { ReadonlySignal } from "@preact/signals";
import { text } from "../texts";
import { randomToken } from "../token";
import { MOST_ATTEMPTS, pauseAfter, unlessLost, until, type Connection } from "./connection";
import type { Outgoing, Transcript } from "./transcript";
import { plainReason } from "./words";

/** What the server answers when it has recorded a message. */
export interface Receipt {
  Id: string;
}

export class Outbox {
  private isRunning = false;

  constructor(
    private readonly transcript: Transcript,
    private readonly connection: ReadonlySignal<Connection>,
    private readonly send: (message: Outgoing) => Promise<Receipt>,
  ) {}

  /** Take a message. It is in the list at once; one that was refused stays there with the reason. */
  put(content: string, contentType: string, token: string = randomToken()): void {
    this.transcript.begin({ token, content, contentType, problem: null, id: null, wasSent: false });
    void this.run();
  }

  private async run(): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    for (let next = this.next(); next; next = this.next()) await this.deliver(next);
    this.isRunning = false;
  }

  private next(): Outgoing | undefined {
    return this.transcript.outgoing.peek().find(isPending);
  }

  private async deliver(message: Outgoing): Promise<void> {
    const change = (part: Partial<Outgoing>) => this.transcript.change(message.token, part);
    for (let attempt = 1; ; attempt += 1) {
      if (this.connection.peek() !== "connected") {
        await until(this.connection, (state) => state === "connected" || state === "closed");
        attempt = 1;
      }
      if (!this.isPending(message)) return;
      if (this.connection.peek() === "closed") return change({ problem: `${text("closed")}.` });
      change({ wasSent: true });
      try {
        const { Id } = await unlessLost(this.connection, this.send(message));
        return change({ id: Id });
      } catch (error) {
        // the messages behind this one do not wait for it forever
        if (isRefusal(error) || attempt >= MOST_ATTEMPTS) return change({ problem: reasonOf(error) });
        await pauseAfter(attempt);
      }
    }
  }

  /** Whether a message still has to be sent: nobody has discarded it, and it has not arrived by the socket. */
  private isPending({ token }: Outgoing): boolean {
    return this.transcript.outgoing.peek().some((each) => each.token === token && isPending(each));
  }
}

function isPending(message: Outgoing): boolean {
  return message.id === null && message.problem === null;
}

/** Whether the server has said no, and not only failed to answer. */
function isRefusal(error: unknown): boolean {
  const { statusCode } = (error ?? {}) as { statusCode?: number };
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500;
}

/** Why something could not be sent, for people; empty when there is nothing to say about it. */
export function reasonOf(error: unknown): string {
  const { message, type, statusCode } = (error ?? {}) as { message?: string; type?: string; statusCode?: number };
  if (type === "ThrottlingException" || statusCode === 429) return text("tooFast");
  return message && type && statusCode ? plainReason(message) : "";
}
