/** What the browser keeps of the customer's latest chat, so that they can come back to it. All tabs share it. */
import { signal } from "@preact/signals";
import type { ChatDetails } from "../shared/chat/wire";

export interface SavedChat {
  details: ChatDetails;
  workstream: string;
  startedAt: string;
  /** When this browser has learned that the chat is over; null while it may be open. */
  endedAt: string | null;
  /** With it the chat can be continued after its end. */
  continuationToken: string;
  /** With it the transcript can be read for a day, also after the end. */
  connectionToken: string | null;
}

export class Memory {
  readonly chat = signal<SavedChat | null>(null);
  /** False when the browser has no room for the chat. */
  private isKept = true;

  constructor(private readonly instance: string) {
    this.chat.value = this.read();
    // another tab has changed it
    window.addEventListener("storage", (event) => {
      if (event.key === this.key || event.key === null) this.chat.value = this.read();
    });
  }

  private get key(): string {
    return `perennial.chat.${this.instance}`;
  }

  save(chat: SavedChat | null): void {
    this.chat.value = chat;
    try {
      if (chat) localStorage.setItem(this.key, JSON.stringify(chat));
      else localStorage.removeItem(this.key);
      this.isKept = true;
    } catch {
      this.isKept = false;
      // the browser keeps nothing for this page; the chat works until the tab closes
    }
  }

  /** Change the chat if it is still the latest one. Another tab may have forgotten it a moment ago. */
  change(contactId: string, change: Partial<SavedChat>): void {
    const chat = this.isKept ? this.read() : this.chat.peek();
    if (chat?.details.ContactId === contactId) this.save({ ...chat, ...change });
  }

  get name(): string {
    return this.readText(`${this.key}.name`) ?? "";
  }

  set name(name: string) {
    try {
      localStorage.setItem(`${this.key}.name`, name);
    } catch {
      // as above
    }
  }

  private read(): SavedChat | null {
    try {
      const chat = JSON.parse(this.readText(this.key) ?? "null") as SavedChat | null;
      return chat?.details?.ParticipantToken ? chat : null;
    } catch {
      return null;
    }
  }

  private readText(key: string): string | null {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  }
}
