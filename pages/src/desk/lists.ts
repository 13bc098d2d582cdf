/** What the API says of the agent: their own state, their offers, their contacts. They are read again when something has happened. */
import { signal } from "@preact/signals";
import { ApiError } from "../shared/api";
import type { Agent, Contact, Offer } from "../team/records";
import { keepOnlyFor, request } from "../team/session";

export type List = "me" | "offers" | "contacts";

const ALL: readonly List[] = ["me", "offers", "contacts"];
/** Events come together; they are answered by one look. */
const SOON_MS = 30;

export class Lists {
  readonly me = signal<Agent | null>(null);
  readonly offers = signal<readonly Offer[]>([]);
  readonly contacts = signal<readonly Contact[]>([]);
  readonly isLoaded = signal(false);

  private readonly wanted = new Set<List>();
  private isLooking = false;
  private isStopped = false;
  /** Requests and own changes of each list are counted: an answer is old when a later one, or a change, has come before it. */
  private readonly turns = { me: 0, offers: 0, contacts: 0 };
  private readonly shown = { me: 0, offers: 0, contacts: 0 };

  /** `onContacts`: called when the contacts are there anew. */
  constructor(private readonly onContacts: (contacts: readonly Contact[]) => void) {}

  /** Read lists again, soon and together; all of them without a name. */
  look(...lists: readonly List[]): void {
    for (const list of lists.length ? lists : ALL) this.wanted.add(list);
    if (this.isLooking || this.isStopped) return;
    this.isLooking = true;
    window.setTimeout(() => void this.readWanted(), SOON_MS);
  }

  /** Read lists now; all of them without a name. Throws `ApiError`. */
  async read(...lists: readonly List[]): Promise<void> {
    await Promise.all((lists.length ? lists : ALL).map((list) => this.readOne(list)));
    this.isLoaded.value = true;
  }

  /** Drop all later answers: another agent may be signed in by then. */
  stop(): void {
    this.isStopped = true;
  }

  setMe(me: Agent): void {
    this.change("me");
    this.me.value = me;
  }

  /** Take a contact that is the agent's since a moment ago. */
  put(contact: Contact): void {
    this.change("contacts");
    this.keep([...this.contacts.value.filter((each) => each.contact_id !== contact.contact_id), contact]);
  }

  dropOffer(offerId: string): void {
    this.change("offers");
    this.offers.value = this.offers.value.filter((each) => each.offer_id !== offerId);
  }

  private change(list: List): void {
    this.shown[list] = this.turns[list] += 1;
  }

  private async readWanted(): Promise<void> {
    const lists = [...this.wanted];
    this.wanted.clear();
    try {
      await this.read(...lists);
    } catch (error) {
      // the next event, or the next socket, asks again; while the server is busy or starts, neither needs to come
      if (error instanceof ApiError && error.retryAfter) window.setTimeout(() => this.look(...lists), 1000 * error.retryAfter);
    } finally {
      this.isLooking = false;
      if (this.wanted.size) this.look(...this.wanted);
    }
  }

  private async readOne(list: List): Promise<void> {
    const turn = (this.turns[list] += 1);
    const show = await this.ask(list);
    if (this.isStopped || turn < this.shown[list]) return;
    this.shown[list] = turn;
    show();
  }

  private async ask(list: List): Promise<() => void> {
    if (list === "me") {
      const me = await request<Agent>("GET", "v1/agent");
      return () => {
        keepOnlyFor(me.user);
        this.me.value = me;
      };
    }
    if (list === "offers") {
      const { offers } = await request<{ offers: Offer[] }>("GET", "v1/agent/offers");
      return () => (this.offers.value = offers);
    }
    const { contacts } = await request<{ contacts: Contact[] }>("GET", "v1/agent/contacts");
    return () => this.keep(contacts);
  }

  private keep(contacts: readonly Contact[]): void {
    if (this.isStopped) return;
    this.contacts.value = contacts;
    this.onContacts(contacts);
  }
}
