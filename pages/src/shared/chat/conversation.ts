/** One conversation of one participant: ChatJS, the transcript, and the connection in words that people understand. */
import { computed, signal } from "@preact/signals";
import { call } from "../api";
import { closeSocket, createSession, isRefused, type ChatJsSession } from "./chatjs";
import type { Connection } from "./connection";
import { Outbox, reasonOf, type Receipt } from "./outbox";
import { Reader } from "./reader";
import { Transcript, type Outgoing } from "./transcript";
import { EVENTS, type ChatDetails, type Item, type TranscriptPage } from "./wire";

export type Party = "CUSTOMER" | "AGENT";

const PAGE = 30;
const TYPING_SHOWN_MS = 12_000;
const LONGEST_WAIT_MS = 15_000;
const AFTER_CHATJS_MS = 1_500;

export class Conversation {
  readonly transcript: Transcript;
  readonly reader: Reader;
  readonly connection = signal<Connection>("connecting");
  /** The name of somebody else who is writing; null when nobody is. */
  readonly typing = signal<string | null>(null);
  readonly isClosed = computed(() => this.connection.value === "closed");

  /** Called with each item of somebody else that has just arrived. */
  onIncoming: (item: Item) => void = () => undefined;

  private readonly outbox: Outbox;
  private session: ChatJsSession | null = null;
  /** Reads the transcript once ChatJS does not: after the end of the chat. */
  private readerToken: string | null = null;
  /** That of the latest session that was connected. */
  private lastToken: string | null = null;
  private typingTimer = 0;
  private attempt = 0;
  private retryTimer = 0;
  private isStopped = false;
  private isSocketLost = true;
  private readUntil = "";

  constructor(
    readonly party: Party,
    readonly details: ChatDetails,
  ) {
    this.transcript = new Transcript(details.ParticipantId);
    this.reader = new Reader(
      this.transcript,
      this.connection,
      (token) => this.getTranscript(token),
      (item) => this.arrive(item),
    );
    this.outbox = new Outbox(this.transcript, this.connection, (message) => this.deliver(message));
    window.addEventListener("online", this.onNetwork);
    window.addEventListener("offline", this.onNetwork);
  }

  /** Connect, and connect again until the chat ends or `stop` is called. */
  async open(): Promise<void> {
    if (this.isStopped) return;
    let session: ChatJsSession;
    try {
      session = await createSession(this.party, this.details);
    } catch {
      // ChatJS itself could not be loaded
      return this.retry();
    }
    if (this.isStopped) return;
    if (this.session) closeSocket(this.session);
    this.session = session;
    const isCurrent = () => this.session === session && !this.isStopped;
    const on = <E>(handler: (event: E) => void) => (event: E) => {
      if (isCurrent()) handler(event);
    };
    session.onConnectionEstablished(on(() => void this.onEstablished()));
    session.onConnectionLost(on(() => this.onLost()));
    session.onConnectionBroken(on(() => this.retry()));
    session.onMessage(on<{ data: Item }>(({ data }) => this.take(data)));
    session.onParticipantIdle(on<{ data: Item }>(({ data }) => this.take(data)));
    session.onParticipantReturned(on<{ data: Item }>(({ data }) => this.take(data)));
    session.onAutoDisconnection(on<{ data: Item }>(({ data }) => this.take(data)));
    session.onTyping(on<{ data: Item }>(({ data }) => this.onTyping(data)));
    session.onReadReceipt(on<{ data: Item }>(({ data }) => this.transcript.add([data])));
    session.onDeliveredReceipt(on<{ data: Item }>(({ data }) => this.transcript.add([data])));
    session.onChatRehydrated(on(() => void this.reader.catchUp()));
    session.onEnded(on(() => this.close()));
    try {
      await session.connect();
      if (!isCurrent()) return closeSocket(session);
      this.attempt = 0;
    } catch (error) {
      if (!isCurrent()) return;
      if (isRefused(error)) this.close();
      else this.retry();
    }
  }

  /** Show a chat that is over. Returns whether its transcript can be read with this connection token. */
  async openEnded(token: string): Promise<boolean> {
    this.readerToken = token;
    this.connection.value = "closed";
    try {
      await this.reader.readPage();
      return true;
    } catch {
      return false;
    }
  }

  /** Send a text, now or once there is a connection. A refused one can be sent again. */
  send(content: string, contentType = "text/plain"): void {
    this.outbox.put(content, contentType);
  }

  /** Send a message again that was refused. */
  resend(token: string): void {
    const message = this.transcript.outgoing.value.find((each) => each.token === token);
    if (message) this.outbox.put(message.content, message.contentType, token);
  }

  private async deliver({ content, contentType, token }: Outgoing): Promise<Receipt> {
    if (!this.session) throw new Error("not connected");
    return (await this.session.sendMessage({ message: content, contentType, clientToken: token })).data;
  }

  /** Send a file. Throws an error with a text for people. */
  async sendFile(file: File): Promise<void> {
    try {
      await this.session?.sendAttachment({ attachment: file });
    } catch (error) {
      throw new Error(reasonOf(error));
    }
  }

  /** An address under which a file can be read for a few minutes. */
  async addressOf(attachmentId: string): Promise<string> {
    if (this.readerToken) {
      const headers = { "x-amz-bearer": this.readerToken };
      return (await call<{ Url: string }>("POST", "participant/attachment", { headers, body: { AttachmentId: attachmentId } })).Url;
    }
    if (!this.session) throw new Error("not connected");
    return this.session.getAttachmentURL({ attachmentId });
  }

  /** Tell the others that this person is writing. ChatJS sends it every ten seconds at most. */
  isTyping(): void {
    if (this.connection.value === "connected") {
      void this.session?.sendEvent({ contentType: EVENTS.typing }).catch(() => undefined);
    }
  }

  /** Tell the others that everything up to the latest message has been read. */
  markRead(): void {
    const latest = [...this.transcript.items.value].reverse().find((item) => this.needsReceipt(item));
    if (!latest || latest.AbsoluteTime <= this.readUntil || this.connection.value !== "connected") return;
    this.readUntil = latest.AbsoluteTime;
    this.sendReceipt(EVENTS.read, latest);
  }

  /** End the chat as a customer, or leave it where the customer may not end it. */
  async leave(): Promise<void> {
    await this.session?.disconnectParticipant?.();
  }

  /** The token with which the transcript can be read, also after the end of the chat; null before the first connection. */
  get connectionToken(): string | null {
    return this.session?.getChatDetails().connectionDetails?.connectionToken ?? this.lastToken;
  }

  /** Forget the session, and close its socket. */
  stop(): void {
    this.isStopped = true;
    if (this.session) closeSocket(this.session);
    window.clearTimeout(this.retryTimer);
    window.clearTimeout(this.typingTimer);
    window.removeEventListener("online", this.onNetwork);
    window.removeEventListener("offline", this.onNetwork);
  }

  private async onEstablished(): Promise<void> {
    if (this.isClosed.peek()) return;
    this.attempt = 0;
    this.isSocketLost = false;
    this.lastToken = this.connectionToken;
    window.clearTimeout(this.retryTimer);
    this.connection.value = "connected";
    await this.reader.catchUp();
  }

  private onLost(): void {
    this.isSocketLost = true;
    if (this.connection.value !== "closed") this.connection.value = navigator.onLine ? "reconnecting" : "offline";
  }

  private readonly onNetwork = () => {
    if (this.connection.value === "closed") return;
    if (!navigator.onLine) this.connection.value = "offline";
    else if (!this.isSocketLost) void this.onEstablished();
    // ChatJS connects again by itself, unless it has given up before
    else this.retry(AFTER_CHATJS_MS);
  };

  private retry(wait = Math.min(LONGEST_WAIT_MS, 500 * 2 ** this.attempt)): void {
    if (this.isStopped || this.isClosed.peek()) return;
    this.onLost();
    this.attempt += 1;
    window.clearTimeout(this.retryTimer);
    this.retryTimer = window.setTimeout(() => void this.open(), wait * (0.75 + Math.random() / 2));
  }

  /** Take it that the chat is over for this participant, also where no socket has said so. */
  close(): void {
    window.clearTimeout(this.retryTimer);
    this.readerToken = this.connectionToken;
    this.typing.value = null;
    if (this.isClosed.peek()) return;
    this.connection.value = "closed";
    // what was said since the connection was lost
    if (this.isSocketLost && this.readerToken) void this.reader.catchUp();
  }

  private take(item: Item): void {
    if (item.ContentType === EVENTS.rehydrated) return;
    if (this.transcript.add([item]).length > 0) this.arrive(item);
  }

  /** An item that was unknown until now. */
  private arrive(item: Item): void {
    if (item.ParticipantId === this.details.ParticipantId) return;
    if (item.Type !== "EVENT") this.typing.value = null;
    if (this.needsReceipt(item)) this.sendReceipt(EVENTS.delivered, item);
    this.onIncoming(item);
  }

  private onTyping(item: Item): void {
    if (item.ParticipantId === this.details.ParticipantId) return;
    this.typing.value = item.DisplayName ?? "";
    window.clearTimeout(this.typingTimer);
    this.typingTimer = window.setTimeout(() => (this.typing.value = null), TYPING_SHOWN_MS);
  }

  private needsReceipt(item: Item): boolean {
    const isOfPeople = item.ParticipantRole === "AGENT" || item.ParticipantRole === "CUSTOMER";
    const isOfThisChat = item.ContactId !== undefined;
    const isOfOthers = item.ParticipantId !== this.details.ParticipantId;
    return item.Type !== "EVENT" && isOfPeople && isOfThisChat && isOfOthers && !this.isClosed.peek();
  }

  private sendReceipt(contentType: string, item: Item): void {
    void this.session?.sendEvent({ contentType, content: JSON.stringify({ messageId: item.Id }) }).catch(() => undefined);
  }

  private async getTranscript(token?: string): Promise<TranscriptPage> {
    if (this.readerToken) {
      const body = { MaxResults: PAGE, ScanDirection: "BACKWARD", SortOrder: "ASCENDING", ...(token ? { NextToken: token } : {}) };
      return call("POST", "participant/transcript", { headers: { "x-amz-bearer": this.readerToken }, body });
    }
    if (!this.session) throw new Error("not connected");
    const page = { maxResults: PAGE, scanDirection: "BACKWARD", sortOrder: "ASCENDING", ...(token ? { nextToken: token } : {}) } as const;
    return (await this.session.getTranscript(page)).data;
  }
}
