/** What the wire of Amazon Connect sends: the members that the pages read. */

export type Role = "CUSTOMER" | "AGENT" | "SYSTEM" | "CUSTOM_BOT" | "SUPERVISOR";

export interface Receipt {
  DeliveredTimestamp?: string;
  ReadTimestamp?: string;
  RecipientParticipantId?: string;
}

export interface Attachment {
  AttachmentId: string;
  AttachmentName: string;
  ContentType: string;
  Status: "APPROVED" | "REJECTED" | "IN_PROGRESS";
}

export interface MessageMetadata {
  MessageId?: string;
  Receipts?: Receipt[];
  MessageCompleted?: boolean;
  ChunkNumber?: number;
}

/** An item of a transcript, or of a frame. Items of past chats have no `ContactId`. */
export interface Item {
  Id: string;
  AbsoluteTime: string;
  Type: "MESSAGE" | "EVENT" | "ATTACHMENT" | "MESSAGEMETADATA";
  ContentType?: string;
  Content?: string;
  ParticipantId?: string;
  ParticipantRole?: Role;
  DisplayName?: string;
  Attachments?: Attachment[];
  MessageMetadata?: MessageMetadata;
  ContactId?: string;
  InitialContactId?: string;
  RelatedContactId?: string;
}

export interface TranscriptPage {
  InitialContactId?: string;
  Transcript?: Item[];
  NextToken?: string;
}

/** What ChatJS takes as `chatDetails`: the answer of StartChatContact, or that of an agent's session. */
export interface ChatDetails {
  ContactId: string;
  InitialContactId?: string;
  ParticipantId: string;
  ParticipantToken: string;
}

const EVENT = "application/vnd.amazonaws.connect.event.";

export const EVENTS = {
  typing: `${EVENT}typing`,
  delivered: `${EVENT}message.delivered`,
  read: `${EVENT}message.read`,
  joined: `${EVENT}participant.joined`,
  left: `${EVENT}participant.left`,
  idle: `${EVENT}participant.idle`,
  returned: `${EVENT}participant.returned`,
  autoDisconnected: `${EVENT}participant.autodisconnection`,
  transferred: `${EVENT}transfer.succeeded`,
  transferFailed: `${EVENT}transfer.failed`,
  ended: `${EVENT}chat.ended`,
  rehydrated: `${EVENT}chat.rehydrated`,
} as const;

export const INTERACTIVE = "application/vnd.amazonaws.connect.message.interactive";
export const INTERACTIVE_RESPONSE = "application/vnd.amazonaws.connect.message.interactive.response";

export const CONTENT_TYPES = ["text/plain", "text/markdown", "application/json", INTERACTIVE, INTERACTIVE_RESPONSE];
/** The content types of messages that the pages show. */

export const MAX_MESSAGE_BYTES = 16_384;
/** How long a message may be, in UTF-8 bytes. */
