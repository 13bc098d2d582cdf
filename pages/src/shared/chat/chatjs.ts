/** ChatJS, unmodified. It is large, so it is loaded when a chat begins and not with the page. */
import { API } from "../api";
import type { ChatDetails, Item, TranscriptPage } from "./wire";

interface Event {
  data: Item;
}

interface Answer<T> {
  data: T;
}

/** The members of a session that the pages use. */
export interface ChatJsSession {
  connect(): Promise<unknown>;
  sendMessage(message: { message: string; contentType: string; clientToken?: string }): Promise<Answer<{ Id: string; AbsoluteTime: string }>>;
  sendEvent(event: { contentType: string; content?: string }): Promise<unknown>;
  sendAttachment(attachment: { attachment: File }): Promise<unknown>;
  getAttachmentURL(attachment: { attachmentId: string }): Promise<string>;
  getTranscript(page: {
    maxResults?: number;
    nextToken?: string;
    scanDirection?: "FORWARD" | "BACKWARD";
    sortOrder?: "ASCENDING" | "DESCENDING";
  }): Promise<Answer<TranscriptPage>>;
  disconnectParticipant?(): Promise<unknown>;
  getChatDetails(): { connectionDetails?: { connectionToken?: string } };
  onConnectionEstablished(handler: (event: unknown) => void): void;
  onConnectionLost(handler: (event: unknown) => void): void;
  onConnectionBroken(handler: (event: unknown) => void): void;
  onMessage(handler: (event: Event) => void): void;
  onTyping(handler: (event: Event) => void): void;
  onReadReceipt(handler: (event: Event) => void): void;
  onDeliveredReceipt(handler: (event: Event) => void): void;
  onParticipantIdle(handler: (event: Event) => void): void;
  onParticipantReturned(handler: (event: Event) => void): void;
  onAutoDisconnection(handler: (event: Event) => void): void;
  onChatRehydrated(handler: (event: unknown) => void): void;
  onEnded(handler: (event: unknown) => void): void;
}

interface ChatJs {
  ChatSession: {
    setGlobalConfig(config: Record<string, unknown>): void;
    create(session: Record<string, unknown>): ChatJsSession;
  };
}

const REGION = "local";

let loading: Promise<ChatJs> | null = null;

async function load(): Promise<ChatJs> {
  // @ts-expect-error - its types describe a global, and no module
  await import("amazon-connect-chatjs");
  const { connect } = window as unknown as { connect: ChatJs };
  connect.ChatSession.setGlobalConfig({
    endpoint: API.replace(/\/$/, ""),
    region: REGION,
    loggerConfig: {},
    features: { messageReceipts: { shouldSendMessageReceipts: true, throttleTime: 1000 } },
  });
  return connect;
}

interface Failure {
  statusCode?: number;
  type?: string;
  /** What was answered: ChatJS wraps it, once for each of its layers. */
  _debug?: Failure;
}

/** Whether the server has refused to connect, and will refuse again: the chat has ended, or the token has. */
export function isRefused(error: unknown): boolean {
  let failure = error as Failure | undefined;
  while (failure?._debug) failure = failure._debug;
  return failure?.statusCode === 403 || failure?.type === "AccessDeniedException";
}

/** Create a session of the customer or of an agent. */
export async function createSession(type: "CUSTOMER" | "AGENT", details: ChatDetails): Promise<ChatJsSession> {
  const connect = await (loading ??= load().catch((error: unknown) => {
    loading = null; // the next attempt loads it again
    throw error;
  }));
  const chatDetails =
    type === "CUSTOMER"
      ? details
      : // an agent's session asks for a connection token first; when it fails, ChatJS uses the participant token
        { ...details, getConnectionToken: () => Promise.reject(new Error("the participant token is used")) };
  return connect.ChatSession.create({ chatDetails, type, options: { region: REGION }, disableCSM: true });
}

/** Close the socket of a session that this page does not need any more. In public, ChatJS does so only for those who leave the chat. */
export function closeSocket(session: ChatJsSession): void {
  const { controller } = session as { controller?: { breakConnection?: () => unknown } };
  try {
    controller?.breakConnection?.();
  } catch {
    // it is closed already
  }
}
