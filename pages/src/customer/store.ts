/** What the customer's page shows, and what its controls do. */
import { effect, signal } from "@preact/signals";
import { ApiError, call } from "../shared/api";
import { Conversation } from "../shared/chat/conversation";
import { CONTENT_TYPES, EVENTS, type ChatDetails, type Item } from "../shared/chat/wire";
import { wordsOf } from "../shared/chat/words";
import { serverNow } from "../shared/serverTime";
import { text } from "../shared/texts";
import { randomToken } from "../shared/token";
import { announce } from "../shared/ui/announce";
import { onHost, tellHost, isFramed } from "./host";
import { Memory, type SavedChat } from "./memory";
import type { Settings } from "./settings";

export interface Workstream {
  workstream: string;
  name: string | null;
  mode: "live" | "persistent";
  is_open: boolean;
  opens_at: string | null;
  takes_chats: boolean;
  customer_may_end: boolean;
  files: string[];
}

/** `welcome`: the latest chat is over. `chat`: a chat, open or over. */
export type View = "loading" | "unavailable" | "not-served" | "start" | "welcome" | "chat";

export interface Start {
  workstream: string;
  name: string;
  message: string;
}

const AGAIN_MS = 4_000;

export class Store {
  readonly view = signal<View>("loading");
  readonly workstreams = signal<Workstream[]>([]);
  readonly conversation = signal<Conversation | null>(null);
  readonly isStarting = signal(false);
  readonly problem = signal<string | null>(null);
  readonly isVisible = signal(!isFramed);
  /** Counts how often a person has asked for a view to write in; a page that comes back by itself takes no focus. */
  readonly focusRequests = signal(0);
  readonly memory: Memory;
  private clientToken = randomToken();
  private unread = 0;
  private stopWatching: () => void = () => undefined;

  constructor(readonly settings: Settings) {
    this.memory = new Memory(settings.instance);
    onHost((isOpen, movesFocus) => {
      this.isVisible.value = isOpen;
      if (isOpen && movesFocus) this.focusRequests.value += 1;
      if (isOpen) this.countUnread(0);
    });
    effect(() => tellHost({ kind: "chat", hasChat: this.memory.chat.value !== null && this.memory.chat.value.endedAt === null }));
    effect(() => this.followOtherTabs(this.memory.chat.value));
  }

  /** The workstream of the present chat, as the instance offers it. */
  get workstream(): Workstream | undefined {
    return this.workstreams.value.find((each) => each.workstream === this.memory.chat.value?.workstream);
  }

  /** Read what the instance offers, and return to the latest chat. */
  async begin(): Promise<void> {
    try {
      await this.readWorkstreams();
    } catch (error) {
      const isMissing = error instanceof ApiError && error.status === 404;
      this.view.value = isMissing ? "not-served" : "unavailable";
      if (!isMissing) window.setTimeout(() => void this.begin(), AGAIN_MS);
      return;
    }
    const saved = this.memory.chat.value;
    if (this.view.value === "not-served") return;
    if (saved) await this.open(saved);
    else this.view.value = "start";
  }

  private async readWorkstreams(): Promise<void> {
    const { instance, workstreams } = this.settings;
    const pages = await call<{ workstreams: Workstream[] }>("GET", `v1/chat-pages/${encodeURIComponent(instance)}`);
    const offered = pages.workstreams.filter((each) => !workstreams.length || workstreams.includes(each.workstream));
    if (!offered.length) this.view.value = "not-served";
    this.workstreams.value = offered;
  }

  async start(start: Start): Promise<void> {
    this.memory.name = start.name;
    await this.startChat(start.workstream, start.name, start.message);
  }

  /** Start a chat that continues the latest one, with its history. */
  async continueChat(): Promise<void> {
    const saved = this.memory.chat.value;
    if (!saved) return;
    const isOffered = this.workstreams.value.some((each) => each.workstream === saved.workstream);
    const workstream = isOffered ? saved.workstream : this.workstreams.value[0]!.workstream;
    await this.startChat(workstream, this.memory.name, "", saved);
  }

  /** Show the form for a new chat. */
  prepareNew(): void {
    this.problem.value = null;
    this.leaveConversation();
    this.view.value = "start";
    this.focusRequests.value += 1;
  }

  /** Forget all chats on this device. */
  forget(): void {
    this.memory.save(null);
    this.memory.name = "";
    this.prepareNew();
  }

  private async startChat(workstream: string, name: string, message: string, source?: SavedChat): Promise<void> {
    if (this.isStarting.value) return;
    this.isStarting.value = true;
    this.problem.value = null;
    try {
      const { instance, attributes, customerToken, language } = this.settings;
      const { data } = await call<{ data: { startChatResult: ChatDetails & { ContinuationToken: string } } }>("POST", "v1/chat-pages/chats", {
        body: {
          InstanceId: instance,
          ContactFlowId: workstream,
          ClientToken: this.clientToken,
          ParticipantDetails: { DisplayName: name.trim() || text("guest") },
          SupportedMessagingContentTypes: CONTENT_TYPES,
          Attributes: { ...attributes, language, ...(customerToken ? { perennial_customer_token: customerToken } : {}) },
          ...(message.trim() ? { InitialMessage: { ContentType: "text/plain", Content: message.trim() } } : {}),
          ...(source
            ? {
                PersistentChat: { SourceContactId: source.details.ContactId, RehydrationType: "ENTIRE_PAST_SESSION" },
                ContinuationToken: source.continuationToken,
              }
            : {}),
        },
      });
      const { ContactId, ParticipantId, ParticipantToken, ContinuationToken } = data.startChatResult;
      const saved: SavedChat = {
        details: { ContactId, ParticipantId, ParticipantToken },
        workstream,
        startedAt: new Date(serverNow()).toISOString(),
        endedAt: null,
        continuationToken: ContinuationToken,
        connectionToken: null,
      };
      this.clientToken = randomToken();
      this.memory.save(saved);
      this.focusRequests.value += 1;
      await this.open(saved);
    } catch (error) {
      this.problem.value = problemOf(error, source !== undefined);
      if (!(error instanceof ApiError) || error.status === 0 || error.status >= 500) return;
      this.clientToken = randomToken();
      // for whoever has made the site: what of the request is wrong
      console.info("The chat was refused:", error.message);
      // a queue may have closed since the page has asked
      await this.readWorkstreams().catch(() => undefined);
    } finally {
      this.isStarting.value = false;
    }
  }

  /** Show a chat. One that is over is shown as long as its transcript can be read; then the customer is welcomed back. */
  private async open(saved: SavedChat): Promise<void> {
    this.leaveConversation();
    const conversation = new Conversation("CUSTOMER", saved.details);
    conversation.onIncoming = (item) => this.onIncoming(item);
    this.conversation.value = conversation;
    this.stopWatching = effect(() => {
      const state = conversation.connection.value;
      if (this.conversation.peek() !== conversation) return;
      const token = conversation.connectionToken;
      if (token) this.memory.change(saved.details.ContactId, { connectionToken: token });
      if (state === "closed") void this.onClosed(conversation, saved);
    });
    if (saved.endedAt) await this.showEnded(conversation, saved);
    else {
      this.view.value = "chat";
      await conversation.open();
    }
  }

  private async onClosed(conversation: Conversation, saved: SavedChat): Promise<void> {
    const present = this.memory.chat.peek();
    if (present?.details.ContactId === saved.details.ContactId && !present.endedAt) {
      this.memory.change(saved.details.ContactId, { endedAt: new Date(serverNow()).toISOString() });
    }
    // the chat was over before this page could read it
    if (conversation.reader.hasOlder.peek() === null) await this.showEnded(conversation, saved);
  }

  private async showEnded(conversation: Conversation, saved: SavedChat): Promise<void> {
    const token = saved.connectionToken ?? this.memory.chat.peek()?.connectionToken ?? null;
    const isReadable = token !== null && (await conversation.openEnded(token));
    if (this.conversation.peek() === conversation) this.view.value = isReadable ? "chat" : "welcome";
  }

  private leaveConversation(): void {
    this.stopWatching();
    this.conversation.value?.stop();
    this.conversation.value = null;
  }

  private onIncoming(item: Item): void {
    if (item.Type === "EVENT") {
      if (item.ContentType === EVENTS.joined) announce(text("joined", { name: item.DisplayName ?? "" }));
      return;
    }
    if (!this.isVisible.value) this.countUnread(this.unread + 1);
    announce(`${item.ParticipantRole === "SYSTEM" ? "" : `${item.DisplayName}: `}${wordsOf(item)}`);
  }

  /** Another tab has begun a chat, or has seen the end of this one. */
  private followOtherTabs(saved: SavedChat | null): void {
    const shown = this.conversation.peek()?.details.ContactId;
    if (this.view.peek() === "loading" || this.isStarting.peek() || !saved || saved.details.ContactId === shown) return;
    const isIdle = this.view.peek() !== "chat" || this.conversation.peek()?.isClosed.peek();
    if (isIdle && !saved.endedAt) void this.open(saved);
  }

  private countUnread(count: number): void {
    this.unread = count;
    tellHost({ kind: "unread", count });
  }
}

function problemOf(error: unknown, isContinuation: boolean): string {
  if (!(error instanceof ApiError) || error.status === 0 || error.status >= 500) return text("unavailable");
  if (error.status === 429) return text("tooMany");
  return text(isContinuation ? "cannotContinue" : "notStarted");
}
