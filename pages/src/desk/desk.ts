/** The state of the desk. The lists of the API are the truth; the events of the socket say which of them to read again. */
import { computed, effect, signal } from "@preact/signals";
import type { Item } from "../shared/chat/wire";
import { wordsOf } from "../shared/chat/words";
import { announce } from "../shared/ui/announce";
import { STATUSES, type Agent, type Contact, type Offer, type Status } from "../team/records";
import { rememberFocus } from "../team/focus";
import { problemOf } from "../team/problems";
import { endSession, keptKey, request, signOut } from "../team/session";
import { dismissAll, ring, tell } from "./alerts";
import { Chats } from "./chats";
import { Lists } from "./lists";
import { AgentSocket, type Frame } from "./socket";
import { Unread } from "./unread";

/** Where a narrow screen is; a wide one shows all three. */
export type View = "list" | "chat" | "details";

/** The place in the page where the focus goes on when what had it is gone. */
const HOME = ".desk-chat";

export class Desk {
  private readonly lists = new Lists((contacts) => this.follow(contacts));
  readonly me = this.lists.me;
  readonly offers = this.lists.offers;
  readonly contacts = this.lists.contacts;
  readonly isLoaded = this.lists.isLoaded;
  readonly view = signal<View>("list");
  readonly unread = new Unread();
  /** The actions that are under way, by contact or offer. */
  readonly busy = signal<ReadonlySet<string>>(new Set());
  readonly selectedId = signal<string | null>(sessionStorage.getItem(keptKey("selected")));
  readonly selected = computed(() => this.contacts.value.find((each) => each.contact_id === this.selectedId.value) ?? null);

  readonly active = computed(() => this.contacts.value.filter((each) => each.state === "ACTIVE"));
  readonly waiting = computed(() => this.contacts.value.filter((each) => each.state === "WAITING" || each.state === "OPEN"));
  readonly wrapUp = computed(() => this.contacts.value.filter((each) => each.state === "WRAP_UP"));
  /** In the order of the page. */
  readonly inOrder = computed(() => [...this.active.value, ...this.waiting.value, ...this.wrapUp.value]);

  /** What waits for the agent: offers, and contacts with messages that they have not seen. */
  readonly calls = computed(() => this.offers.value.length + this.unread.contacts.value);

  readonly chats = new Chats(
    (contactId, item) => this.onMessage(contactId, item),
    () => this.lists.look(),
  );
  readonly socket = new AgentSocket(
    (frame) => this.onFrame(frame),
    () => this.lists.look(),
    () => endSession("Your sign-in has ended. Please sign in again."),
  );

  /** How many changes of the status the agent has asked for that have no answer. */
  private statusChanges = 0;
  private isStopped = false;
  private readonly endings: (() => void)[] = [];

  begin(): void {
    this.lists.look();
    void this.socket.open();
    const seen = () => this.see();
    document.addEventListener("visibilitychange", seen);
    this.endings.push(
      () => document.removeEventListener("visibilitychange", seen),
      effect(() => {
        document.title = `${this.calls.value ? `(${this.calls.value}) ` : ""}Desk`;
      }),
    );
  }

  stop(): void {
    for (const end of this.endings) end();
    this.isStopped = true;
    this.socket.stop();
    this.lists.stop();
    this.chats.stop();
    dismissAll();
  }

  select(contactId: string | null): void {
    if (this.isStopped) return;
    this.selectedId.value = contactId;
    sessionStorage.setItem(keptKey("selected"), contactId ?? "");
    this.view.value = contactId ? "chat" : "list";
    this.see();
  }

  /** Select the contact before or after the selected one. */
  step(by: 1 | -1): void {
    const all = this.inOrder.value;
    if (!all.length) return;
    const index = all.findIndex((each) => each.contact_id === this.selectedId.value);
    const next = all[index < 0 ? 0 : (index + by + all.length) % all.length]!;
    this.select(next.contact_id);
    announce(next.customer);
  }

  async setStatus(status: Status, whenFree = false): Promise<void> {
    this.statusChanges += 1;
    try {
      this.lists.setMe(await request<Agent>("PUT", "v1/agent/status", { status, when_free: whenFree }));
    } catch (error) {
      tell(problemOf(error), { isProblem: true });
    } finally {
      this.statusChanges -= 1;
      this.lists.look();
    }
  }

  /** Go offline, which gives the active conversations back to their queues, and forget the sign-in. */
  async leave(): Promise<void> {
    await this.setStatus("offline");
    signOut();
  }

  async accept(offer: Offer): Promise<void> {
    await this.act(offer.offer_id, async () => {
      const contact = await request<Contact>("POST", `v1/agent/offers/${offer.offer_id}/accept`);
      this.lists.dropOffer(offer.offer_id);
      this.lists.put(contact);
      this.select(contact.contact_id);
    });
  }

  async reject(offer: Offer): Promise<void> {
    await this.act(offer.offer_id, async () => {
      await request("POST", `v1/agent/offers/${offer.offer_id}/reject`);
      this.lists.dropOffer(offer.offer_id);
    });
  }

  /** Take a contact without an offer. `pick`: null when there is none to take. */
  async take(queue: string, pick: () => Promise<Contact | null>): Promise<void> {
    await this.act(queue, async () => {
      const contact = await pick();
      if (!contact) return tell("Somebody else was faster: nobody waits there at the moment.");
      this.lists.put(contact);
      this.select(contact.contact_id);
    });
  }

  /** Do something with a contact. Returns whether it was done; else the agent has been told why not. */
  async perform(contact: Contact, action: "end" | "park" | "resume" | "release"): Promise<boolean> {
    return this.act(contact.contact_id, () => request("POST", `v1/agent/contacts/${contact.contact_id}/${action}`));
  }

  /** Finish the wrap-up. A note that is not saved yet is saved before. */
  async close(contact: Contact): Promise<void> {
    const path = `v1/agent/contacts/${contact.contact_id}`;
    const draftKey = keptKey(`note.${contact.contact_id}`);
    const text = sessionStorage.getItem(draftKey)?.trim();
    await this.act(contact.contact_id, async () => {
      if (text) await request("POST", `${path}/notes`, { text });
      sessionStorage.removeItem(draftKey);
      await request("POST", `${path}/close`);
    });
  }

  async transfer(contact: Contact, target: { user: string } | { queue: string }): Promise<boolean> {
    return this.act(contact.contact_id, () => request("POST", `v1/agent/contacts/${contact.contact_id}/transfer`, target));
  }

  /** Resume a parked contact. One that has returned and is offered is taken with its offer. */
  async resume(contact: Contact): Promise<void> {
    const offer = this.offers.value.find((each) => each.contact_id === contact.contact_id);
    if (offer) await this.accept(offer);
    else await this.perform(contact, "resume");
  }

  private async act(key: string, work: () => Promise<unknown>): Promise<boolean> {
    if (this.busy.value.has(key)) return false;
    this.busy.value = new Set(this.busy.value).add(key);
    const restoreFocus = rememberFocus();
    try {
      await work();
      return true;
    } catch (error) {
      if (!this.isStopped) tell(problemOf(error), { isProblem: true });
      return false;
    } finally {
      await this.lists.read().catch(() => undefined);
      const rest = new Set(this.busy.value);
      rest.delete(key);
      this.busy.value = rest;
      restoreFocus(HOME);
    }
  }

  private follow(contacts: readonly Contact[]): void {
    const present = new Set(contacts.map((each) => each.contact_id));
    this.unread.keep((id) => present.has(id));
    if (this.selectedId.value && !present.has(this.selectedId.value)) this.select(null);
    this.chats.follow(contacts);
  }

  private onFrame(frame: Frame): void {
    switch (frame.type) {
      case "hello":
      case "reset":
        return this.lists.look();
      case "offer":
        return void this.onOffer(frame);
      case "offer-over":
        this.lists.dropOffer(frame.offer_id);
        if (frame.outcome === "missed") tell("You missed an offer. It goes to the next agent.");
        return this.lists.look();
      case "assigned":
        return void this.onAssigned(frame.contact_id);
      case "returned":
        return void this.onReturned(frame.contact_id);
      case "state":
        return this.lists.look("contacts", "me");
      case "status":
        this.onStatus(frame.status, frame.next_status);
        return this.lists.look();
    }
  }

  private async onOffer(frame: Frame & { type: "offer" }): Promise<void> {
    this.lists.look("me");
    if (frame.claimed) return;
    ring();
    await this.lists.read("offers").catch(() => this.lists.look("offers"));
    const offer = this.offers.value.find((each) => each.offer_id === frame.offer_id);
    if (offer) announce(`Offer: ${offer.customer}, ${offer.queue}. Press Alt and A to accept.`);
  }

  private async onAssigned(contactId: string): Promise<void> {
    const isKnown = this.contacts.value.some((each) => each.contact_id === contactId);
    await this.lists.read("contacts", "me").catch(() => this.lists.look("contacts", "me"));
    const contact = this.contacts.value.find((each) => each.contact_id === contactId);
    if (!contact || isKnown || this.busy.value.size) return;
    ring();
    tell(`You have a conversation with ${contact.customer}.`, { contact: contactId });
  }

  private async onReturned(contactId: string): Promise<void> {
    await this.lists.read("contacts", "offers").catch(() => this.lists.look("contacts", "offers"));
    const contact = this.contacts.value.find((each) => each.contact_id === contactId);
    if (!contact) return;
    ring();
    if (!this.isSeen(contactId)) this.unread.count(contactId);
    tell(`${contact.customer} has come back.`, { contact: contactId });
  }

  private onStatus(status: Status, next: Status | null): void {
    const before = this.me.value;
    if (!before) return;
    this.lists.setMe({ ...before, status, next_status: next });
    if (before.status !== status && !this.statusChanges) tell(`Your status is ${STATUSES[status].name.toLowerCase()}.`);
  }

  private onMessage(contactId: string, item: Item): void {
    if (item.Type === "EVENT" || item.ParticipantRole === "SYSTEM") return;
    announce(`${item.DisplayName ?? ""}: ${wordsOf(item).slice(0, 200)}`);
    if (this.isSeen(contactId)) return;
    this.unread.count(contactId);
    if (document.hidden) ring();
  }

  private isSeen(contactId: string): boolean {
    return contactId === this.selectedId.value && !document.hidden;
  }

  private see(): void {
    this.unread.keep((contactId) => !this.isSeen(contactId));
  }
}
