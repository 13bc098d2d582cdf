/** The items of a conversation as the page knows them: each once, in the order of time, with what became of own messages. */
import { computed, signal } from "@preact/signals";
import { EVENTS, type Item } from "./wire";

/** How far an own message has come. */
export type Progress = "sending" | "failed" | "sent" | "delivered" | "read";

/** A message that is on its way, or was refused. Its token makes a second attempt the same message. */
export interface Outgoing {
  token: string;
  content: string;
  contentType: string;
  problem: string | null;
  /** The id of the recorded message, once the answer has it. */
  id: string | null;
  /** Whether there was an attempt: it may have arrived although there is no answer. */
  wasSent: boolean;
}

export class Transcript {
  private readonly byId = signal<ReadonlyMap<string, Item>>(new Map());
  /** Own messages without a recorded item. */
  readonly outgoing = signal<readonly Outgoing[]>([]);
  private readonly marks = signal<ReadonlyMap<string, "delivered" | "read">>(new Map());

  constructor(private readonly ownId: string) {}

  /** All items that belong into the list, oldest first. */
  readonly items = computed(() =>
    [...this.byId.value.values()].sort((a, b) => (a.AbsoluteTime < b.AbsoluteTime ? -1 : a.AbsoluteTime > b.AbsoluteTime ? 1 : 0)),
  );

  /** How far each own message has come. A receipt for a message holds for those before it. */
  readonly progress = computed(() => {
    const found = new Map<string, Progress>();
    let mark: Progress = "sent";
    for (const item of [...this.items.value].reverse()) {
      if (item.ParticipantId !== this.ownId || item.Type === "EVENT") continue;
      const own = this.marks.value.get(item.Id);
      if (own === "read" || (own === "delivered" && mark === "sent")) mark = own;
      found.set(item.Id, mark);
    }
    return found;
  });

  /** Take items from a page or a frame. Returns those that were unknown. */
  add(items: readonly Item[]): Item[] {
    const shown = items.filter((item) => item.Type === "MESSAGE" || item.Type === "ATTACHMENT" || isShownEvent(item));
    for (const item of items) this.takeReceipts(item);
    const next = new Map(this.byId.value);
    const fresh = shown.filter((item) => !next.has(item.Id));
    for (const item of shown) next.set(item.Id, { ...next.get(item.Id), ...item });
    if (shown.length) this.byId.value = next;
    for (const item of fresh) this.recognise(item);
    const ids = new Set(shown.map((item) => item.Id));
    if (this.outgoing.value.some((each) => each.id && ids.has(each.id))) {
      this.outgoing.value = this.outgoing.value.filter((each) => !each.id || !ids.has(each.id));
    }
    return fresh;
  }

  /** An own message can come by the socket before its answer has said its id. */
  private recognise(item: Item): void {
    if (item.ParticipantId !== this.ownId) return;
    const message = this.outgoing.value.find(
      (each) => each.wasSent && each.id === null && each.problem === null && each.content === item.Content,
    );
    if (message) this.outgoing.value = this.outgoing.value.map((each) => (each === message ? { ...each, id: item.Id } : each));
  }

  has(id: string): boolean {
    return this.byId.value.has(id);
  }

  private takeReceipts(item: Item): void {
    for (const receipt of item.MessageMetadata?.Receipts ?? []) {
      if (receipt.RecipientParticipantId === this.ownId) continue;
      const id = item.MessageMetadata?.MessageId ?? item.Id;
      const mark = receipt.ReadTimestamp ? "read" : receipt.DeliveredTimestamp ? "delivered" : null;
      if (!mark || this.marks.value.get(id) === "read" || this.marks.value.get(id) === mark) continue;
      this.marks.value = new Map(this.marks.value).set(id, mark);
    }
  }

  begin(outgoing: Outgoing): void {
    this.outgoing.value = [...this.outgoing.value.filter((each) => each.token !== outgoing.token), outgoing];
  }

  change(token: string, change: Partial<Outgoing>): void {
    this.outgoing.value = this.outgoing.value
      .map((each) => (each.token === token ? { ...each, ...change } : each))
      .filter((each) => !each.id || !this.has(each.id));
  }

  drop(token: string): void {
    this.outgoing.value = this.outgoing.value.filter((each) => each.token !== token);
  }
}

const SHOWN_EVENTS: readonly string[] = [
  EVENTS.joined,
  EVENTS.left,
  EVENTS.transferred,
  EVENTS.transferFailed,
  EVENTS.ended,
  EVENTS.idle,
  EVENTS.returned,
  EVENTS.autoDisconnected,
];

function isShownEvent(item: Item): boolean {
  return item.Type === "EVENT" && SHOWN_EVENTS.includes(item.ContentType ?? "");
}
