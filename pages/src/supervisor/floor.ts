/** All queues, agents and open contacts of an instance. They are read again every few seconds while somebody looks. */
import { computed, signal } from "@preact/signals";
import { ApiError } from "../shared/api";
import { announce } from "../shared/ui/announce";
import { rememberFocus } from "../team/focus";
import type { Agent, OpenContact, Queue, State, Status } from "../team/records";
import type { Target, TargetAgent } from "../team/TargetDialog";
import { problemOf } from "../team/problems";
import { request } from "../team/session";

const EVERY_MS = 3_000;
const LONGEST_WAIT_MS = 30_000;

export interface Filter {
  words: string;
  state: State | "";
  queue: string;
  agent: string;
}

/** The place in the page where the focus goes on when what had it is gone. */
const HOME = "#contacts";

export const ALL: Filter = { words: "", state: "", queue: "", agent: "" };

export class Floor {
  readonly queues = signal<readonly Queue[]>([]);
  readonly agents = signal<readonly Agent[]>([]);
  readonly contacts = signal<readonly OpenContact[]>([]);
  /** Whether there are more open contacts than are listed. */
  readonly hasMore = signal(false);
  readonly state = signal<"loading" | "live" | "lost" | "denied">("loading");
  readonly filter = signal<Filter>(ALL);
  readonly problem = signal<string | null>(null);
  /** What has just been done; null when there is nothing to say. */
  readonly notice = signal<string | null>(null);
  /** The contacts and agents about which a request is under way. */
  readonly busy = signal<ReadonlySet<string>>(new Set());

  readonly names = computed(() => new Map(this.agents.value.map((agent) => [agent.user, agent.name])));
  readonly shown = computed(() => this.contacts.value.filter((contact) => fits(contact, this.filter.value, this.names.value)));

  readonly targets = computed((): TargetAgent[] =>
    this.agents.value.map(({ user, name, status, load, capacity }) => ({ user, name, status, remark: `${load} of ${capacity}` })),
  );

  private timer = 0;
  private turn = 0;
  private isStopped = false;
  private failures = 0;

  begin(): void {
    document.addEventListener("visibilitychange", this.onVisibility);
    window.addEventListener("online", this.onVisibility);
    void this.look();
  }

  stop(): void {
    this.isStopped = true;
    window.clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.onVisibility);
    window.removeEventListener("online", this.onVisibility);
  }

  async setStatus(user: string, status: Status): Promise<void> {
    await this.act(user, "PUT", `agents/${encodeURIComponent(user)}/status`, { status });
  }

  async assign(contact: OpenContact, user: string): Promise<void> {
    await this.act(contact.contact_id, "POST", `contacts/${contact.contact_id}/assign`, { user });
  }

  async transfer(contact: OpenContact, target: Target): Promise<void> {
    await this.act(contact.contact_id, "POST", `contacts/${contact.contact_id}/transfer`, target);
  }

  /** Transfer all contacts that wait in a queue. */
  async transferQueue(queue: string, target: Target): Promise<void> {
    const path = `queues/${encodeURIComponent(queue)}/transfer`;
    const done = await this.act<{ transferred: number; more: boolean }>(queueKey(queue), "POST", path, target);
    if (!done) return;
    const { transferred, more } = done;
    this.notice.value = `${transferred === 1 ? "One contact was" : `${transferred} contacts were`} transferred.${more ? " More are waiting." : ""}`;
    announce(this.notice.value);
  }

  queuesBut(queue: string): string[] {
    return this.queues.value.map((each) => each.queue).filter((each) => each !== queue);
  }

  async perform(contact: OpenContact, action: "release" | "end" | "close"): Promise<void> {
    await this.act(contact.contact_id, "POST", `contacts/${contact.contact_id}/${action}`);
  }

  /** Send a request. Returns its answer; null when it was refused, and the supervisor has been told why. */
  private async act<T>(key: string, method: string, path: string, body?: unknown): Promise<T | null> {
    this.busy.value = new Set(this.busy.value).add(key);
    this.problem.value = this.notice.value = null;
    const restoreFocus = rememberFocus();
    try {
      return await request<T>(method, `v1/supervision/${path}`, body);
    } catch (error) {
      this.problem.value = problemOf(error);
      return null;
    } finally {
      await this.look();
      const rest = new Set(this.busy.value);
      rest.delete(key);
      this.busy.value = rest;
      restoreFocus(HOME);
    }
  }

  /** Read everything now, and again after a while. */
  private async look(): Promise<void> {
    window.clearTimeout(this.timer);
    const turn = (this.turn += 1);
    try {
      const [queues, agents, contacts] = await Promise.all([
        request<{ queues: Queue[] }>("GET", "v1/supervision/queues"),
        request<{ agents: Agent[] }>("GET", "v1/supervision/agents"),
        request<{ contacts: OpenContact[]; more: boolean }>("GET", "v1/supervision/contacts"),
      ]);
      // a later look, such as that after an action, knows better
      if (turn !== this.turn) return;
      this.queues.value = queues.queues;
      this.agents.value = agents.agents;
      this.contacts.value = contacts.contacts;
      this.hasMore.value = contacts.more;
      if (this.state.value === "lost") announce("The view is live again.");
      this.state.value = "live";
      this.failures = 0;
    } catch (error) {
      if (turn !== this.turn) return;
      if (error instanceof ApiError && error.status === 403) {
        this.state.value = "denied";
        return;
      }
      if (this.state.value === "live") announce("The connection is lost.");
      this.state.value = this.state.value === "loading" && this.failures === 0 ? "loading" : "lost";
      this.failures += 1;
    }
    if (this.isStopped || document.hidden) return;
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.look(), Math.min(LONGEST_WAIT_MS, EVERY_MS * 2 ** Math.max(0, this.failures - 1)));
  }

  private readonly onVisibility = () => {
    if (document.hidden) window.clearTimeout(this.timer);
    else if (this.state.value !== "denied") void this.look();
  };
}

/** A key for what is under way about a queue: agents and queues can have the same name. */
export function queueKey(queue: string): string {
  return `queue ${queue}`;
}

function fits(contact: OpenContact, filter: Filter, names: ReadonlyMap<string, string>): boolean {
  const people = [contact.agent, contact.offered_to];
  if (filter.state && contact.state !== filter.state) return false;
  if (filter.queue && contact.queue !== filter.queue) return false;
  if (filter.agent && !people.includes(filter.agent)) return false;
  const words = filter.words.trim().toLocaleLowerCase();
  const texts = [contact.customer, contact.queue, contact.workstream, contact.contact_id, ...people.map((user) => names.get(user ?? "") ?? "")];
  return !words || texts.some((each) => each.toLocaleLowerCase().includes(words));
}
