/** Reads a transcript page by page: what came before, and what was said while this page was not connected. */
import { signal, type ReadonlySignal } from "@preact/signals";
import { MOST_ATTEMPTS, pauseAfter, unlessLost, type Connection } from "./connection";
import type { Transcript } from "./transcript";
import type { Item, TranscriptPage } from "./wire";

const OLDER_AGAIN_MS = 2_000;
const MOST_PAGES_OF_A_GAP = 40;

export class Reader {
  /** Whether there is more before the first item; null until the first page has arrived. */
  readonly hasOlder = signal<boolean | null>(null);
  readonly isLoadingOlder = signal(false);
  private olderToken: string | null = null;
  private catchingUp: Promise<void> | null = null;

  /**
   * `ask`: reads the latest page, or that before a token. `onMissed`: called with each item that came while this page was not
   * connected.
   */
  constructor(
    private readonly transcript: Transcript,
    private readonly connection: ReadonlySignal<Connection>,
    private readonly ask: (token?: string) => Promise<TranscriptPage>,
    private readonly onMissed: (item: Item) => void,
  ) {}

  /** Load a page of what came before. */
  async loadOlder(): Promise<void> {
    if (this.isLoadingOlder.value || !this.olderToken) return;
    this.isLoadingOlder.value = true;
    try {
      await this.readPage(this.olderToken);
    } catch {
      // the list asks again as long as its start is in view
      await new Promise((resolve) => window.setTimeout(resolve, OLDER_AGAIN_MS));
    } finally {
      this.isLoadingOlder.value = false;
    }
  }

  /** Load all of the past, for a download. */
  async loadAll(): Promise<void> {
    while (this.olderToken) await this.readPage(this.olderToken);
  }

  /** Read the latest page, and older ones until they meet what is known. */
  catchUp(): Promise<void> {
    // ChatJS says twice that it is connected
    return (this.catchingUp ??= this.fillGap().finally(() => (this.catchingUp = null)));
  }

  private async fillGap(): Promise<void> {
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt += 1) {
      try {
        return await this.readGap();
      } catch {
        await pauseAfter(attempt);
        // the next connection reads it
        if (!["connected", "closed"].includes(this.connection.peek())) return;
      }
    }
  }

  private async readGap(): Promise<void> {
    const knew = this.hasOlder.value !== null;
    let token: string | undefined;
    for (let pages = 0; pages < MOST_PAGES_OF_A_GAP; pages += 1) {
      const { overlaps, next } = await this.readPage(token, knew);
      if (!knew || overlaps || !next) return;
      token = next;
    }
  }

  /** Read the latest page, or that before a token. Items of a gap are news. */
  async readPage(token?: string, isGap = false): Promise<{ overlaps: boolean; next: string | undefined }> {
    const data = await unlessLost(this.connection, this.ask(token));
    const items = data.Transcript ?? [];
    const overlaps = items.some((item) => this.transcript.has(item.Id));
    const fresh = this.transcript.add(items);
    if (isGap) for (const item of fresh) this.onMissed(item);
    else {
      this.olderToken = data.NextToken ?? null;
      this.hasOlder.value = this.olderToken !== null;
    }
    return { overlaps, next: data.NextToken };
  }
}
