/** How many messages of each contact the agent has not seen. */
import { computed, signal } from "@preact/signals";

export class Unread {
  private readonly counts = signal<ReadonlyMap<string, number>>(new Map());

  /** How many contacts have messages that the agent has not seen. */
  readonly contacts = computed(() => this.counts.value.size);

  of(contactId: string): number {
    return this.counts.value.get(contactId) ?? 0;
  }

  count(contactId: string): void {
    this.counts.value = new Map(this.counts.value).set(contactId, this.of(contactId) + 1);
  }

  /** Forget those of all contacts that do not fit. */
  keep(fits: (contactId: string) => boolean): void {
    const kept = [...this.counts.peek()].filter(([contactId]) => fits(contactId));
    if (kept.length !== this.counts.peek().size) this.counts.value = new Map(kept);
  }
}
