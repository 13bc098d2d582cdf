/** The chats of an agent's contacts: each active contact has a ChatJS session, whether it is shown or not. */
import { signal } from "@preact/signals";
import { Conversation } from "../shared/chat/conversation";
import type { ChatDetails, Item } from "../shared/chat/wire";
import type { Contact } from "../team/records";
import { keptKey, request } from "../team/session";

/** What a reload needs to read a chat that the agent has left: no new session is given for it. */
interface Kept {
  details: ChatDetails;
  connectionToken: string;
}

const AGAIN_MS = 3_000;

export class Chats {
  /** By contact id. A contact that is not active has one if this tab can read its past. */
  readonly open = signal<ReadonlyMap<string, Conversation>>(new Map());
  private readonly joining = new Set<string>();
  /** Chats that became active while they were read. */
  private readonly lookAgain = new Set<string>();
  private readonly keys = new WeakMap<Conversation, number>();
  private lastKey = 0;
  /** After the end nothing is opened any more: another agent may be signed in by then. */
  private isStopped = false;

  constructor(
    private readonly onIncoming: (contactId: string, item: Item) => void,
    /** Called when a session has ended: the contact may be somebody else's. */
    private readonly onClosed: () => void,
  ) {}

  /** Open and close chats so that they fit the agent's contacts. */
  follow(contacts: readonly Contact[]): void {
    if (this.isStopped) return;
    const present = new Set(contacts.map((contact) => contact.contact_id));
    for (const id of this.open.value.keys()) if (!present.has(id)) this.forget(id);
    for (const contact of contacts) {
      const conversation = this.open.value.get(contact.contact_id);
      const isActive = contact.state === "ACTIVE";
      if (isActive && (!conversation || conversation.isClosed.peek())) void this.join(contact.contact_id);
      else if (!isActive && !conversation) void this.read(contact.contact_id);
      else if (!isActive && conversation?.connection.peek() !== "connected") conversation?.close();
    }
  }

  /** A key for the view of a conversation. Each session of a contact has another one. */
  keyOf(conversation: Conversation): number {
    let key = this.keys.get(conversation);
    if (key === undefined) {
      key = this.lastKey += 1;
      this.keys.set(conversation, key);
    }
    return key;
  }

  stop(): void {
    this.isStopped = true;
    for (const conversation of this.open.value.values()) conversation.stop();
    this.open.value = new Map();
  }

  /** Join an active contact. Without this routing takes it away again. */
  private async join(id: string): Promise<void> {
    if (this.joining.has(id)) {
      this.lookAgain.add(id);
      return;
    }
    this.joining.add(id);
    try {
      const details = await request<ChatDetails>("POST", `v1/agent/contacts/${id}/session`);
      if (this.isStopped) return;
      this.open.value.get(id)?.stop();
      const conversation = new Conversation("AGENT", details);
      conversation.onIncoming = (item) => this.onIncoming(id, item);
      this.open.value = new Map(this.open.value).set(id, conversation);
      conversation.connection.subscribe((state) => {
        if (this.open.value.get(id) !== conversation) return;
        const connectionToken = conversation.connectionToken;
        if (connectionToken) keep(id, { details, connectionToken });
        if (state === "closed") this.onClosed();
      });
      await conversation.open();
    } catch {
      // the contact has just ended or gone, or the server is away: the next look at the contacts decides
      window.setTimeout(() => this.onClosed(), AGAIN_MS);
    } finally {
      this.endOf(id);
    }
  }

  /** Show what was said in a chat that the agent has left, if this tab has joined it before. */
  private async read(id: string): Promise<void> {
    const kept = findKept(id);
    if (!kept || this.joining.has(id)) return;
    this.joining.add(id);
    const conversation = new Conversation("AGENT", kept.details);
    try {
      if ((await conversation.openEnded(kept.connectionToken)) && !this.isStopped) this.open.value = new Map(this.open.value).set(id, conversation);
      else conversation.stop();
    } finally {
      this.endOf(id);
    }
  }

  /** End the opening of a chat. The agent may have taken it while it was only read. */
  private endOf(id: string): void {
    this.joining.delete(id);
    if (this.lookAgain.delete(id)) this.onClosed();
  }

  private forget(id: string): void {
    this.open.value.get(id)?.stop();
    const rest = new Map(this.open.value);
    rest.delete(id);
    this.open.value = rest;
    sessionStorage.removeItem(keptKey(`chat.${id}`));
    sessionStorage.removeItem(keptKey(`draft.${id}`));
    sessionStorage.removeItem(keptKey(`note.${id}`));
  }
}

function keep(id: string, kept: Kept): void {
  sessionStorage.setItem(keptKey(`chat.${id}`), JSON.stringify(kept));
}

function findKept(id: string): Kept | null {
  return JSON.parse(sessionStorage.getItem(keptKey(`chat.${id}`)) ?? "null") as Kept | null;
}
