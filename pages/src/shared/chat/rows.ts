/** The rows of the list: messages, lines about events, dividers between days and past chats. */
import { text } from "../texts";
import { day, isSameDay } from "./time";
import type { Outgoing, Progress } from "./transcript";
import { EVENTS, INTERACTIVE, type Item } from "./wire";

export interface MessageRow {
  kind: "message";
  key: string;
  item: Item;
  isOwn: boolean;
  /** Whether it follows a message of the same person within a few minutes. */
  follows: boolean;
  /** Whether the next message does. Then the time stands below that one. */
  isFollowed: boolean;
  /** How far the message has come; null below messages of others, and where a later one says it. */
  progress: Progress | null;
}

export interface OutgoingRow {
  kind: "outgoing";
  key: string;
  message: Outgoing;
  follows: boolean;
}

export interface LineRow {
  kind: "line" | "notice" | "divider";
  key: string;
  text: string;
  at: string;
}

export type Row = MessageRow | OutgoingRow | LineRow;

const TOGETHER_MS = 5 * 60_000;

/** Build the rows. `ownId` and `party`: the participant whose page it is. */
export function buildRows(
  items: readonly Item[],
  outgoing: readonly Outgoing[],
  progress: ReadonlyMap<string, Progress>,
  ownId: string,
  party: "CUSTOMER" | "AGENT",
): Row[] {
  const rows: Row[] = [];
  const surveys = new Set(items.filter(isQuestion).map(contactOf));
  let before: Item | null = null;
  let isFirstOfChat = items[0] !== undefined && isPast(items[0]);
  for (const item of items) {
    if (before && isPast(before) && !isPast(item)) {
      rows.push(divider(item, text("thisChat")));
      isFirstOfChat = false;
    } else if (isFirstOfChat) {
      rows.push(divider(item, text("earlierChat", { date: day(item.AbsoluteTime) })));
      isFirstOfChat = false;
    } else if (before && !isSameDay(before.AbsoluteTime, item.AbsoluteTime)) {
      rows.push({ kind: "line", key: `day ${item.Id}`, text: day(item.AbsoluteTime), at: item.AbsoluteTime });
    }
    const row = rowOf(item, before, rows.at(-1), { ownId, party }, surveys);
    if (row) rows.push(row);
    // a past chat ends with this event; the next item is the first of another one
    if (item.ContentType === EVENTS.ended && isPast(item)) isFirstOfChat = true;
    before = item;
  }
  for (const message of outgoing) {
    const last = rows.at(-1);
    const follows = last?.kind === "outgoing" || (last?.kind === "message" && last.isOwn);
    rows.push({ kind: "outgoing", key: `out ${message.token}`, message, follows });
  }
  showLatestProgress(rows, progress);
  for (const [index, row] of rows.entries()) {
    const next = rows[index + 1];
    if (row.kind === "message" && (next?.kind === "message" || next?.kind === "outgoing")) row.isFollowed = next.follows;
  }
  return rows;
}

/** Items of past chats have no contact of the present one. */
function isPast(item: Item): boolean {
  return item.ContactId === undefined;
}

/** A survey is a contact of its own, in which the system writes as a person does. */
function isQuestion(item: Item): boolean {
  return item.ParticipantRole === "SYSTEM" && item.ContentType === INTERACTIVE;
}

function contactOf(item: Item): string {
  return item.ContactId ?? item.RelatedContactId ?? "";
}

function divider(item: Item, text: string): LineRow {
  return { kind: "divider", key: `divider ${item.Id}`, text, at: item.AbsoluteTime };
}

interface Reader {
  ownId: string;
  party: "CUSTOMER" | "AGENT";
}

function rowOf(item: Item, before: Item | null, last: Row | undefined, reader: Reader, surveys: ReadonlySet<string>): Row | null {
  if (item.Type === "EVENT") {
    const words = wordsOf(item, reader);
    return words ? { kind: "line", key: item.Id, text: words, at: item.AbsoluteTime } : null;
  }
  const isOfSystem = item.ParticipantRole === "SYSTEM";
  if (isOfSystem && item.ContentType === "text/plain" && !surveys.has(contactOf(item))) {
    return { kind: "notice", key: item.Id, text: item.Content ?? "", at: item.AbsoluteTime };
  }
  const follows =
    last?.kind === "message" &&
    before !== null &&
    sender(before) === sender(item) &&
    Date.parse(item.AbsoluteTime) - Date.parse(before.AbsoluteTime) < TOGETHER_MS;
  return { kind: "message", key: item.Id, item, isOwn: isOwnItem(item, reader), follows, isFollowed: false, progress: null };
}

/** In past chats people had other participant ids. The customer's are those of the customer; an agent's may be another agent's. */
function isOwnItem(item: Item, { ownId, party }: Reader): boolean {
  return item.ParticipantId === ownId || (party === "CUSTOMER" && isPast(item) && item.ParticipantRole === "CUSTOMER");
}

function sender(item: Item): string {
  return `${item.ParticipantRole} ${item.ParticipantId ?? item.DisplayName}`;
}

function wordsOf(item: Item, reader: Reader): string | null {
  const name = item.DisplayName ?? "";
  switch (item.ContentType) {
    case EVENTS.joined:
      return isOwnItem(item, reader) ? null : text("joined", { name });
    case EVENTS.left:
      return isOwnItem(item, reader) ? null : text("left", { name });
    case EVENTS.transferred:
      return text("transferred");
    case EVENTS.transferFailed:
      return text("transferFailed");
    case EVENTS.autoDisconnected:
      return text("autoDisconnected");
    case EVENTS.ended:
      return text("ended");
    default:
      return null;
  }
}

/** One line below the latest own message says how far it has come: it holds for those before. */
function showLatestProgress(rows: Row[], progress: ReadonlyMap<string, Progress>): void {
  const seen = new Set<Progress>();
  for (let index = rows.length - 1; index >= 0 && seen.size < 3; index -= 1) {
    const row = rows[index];
    if (row?.kind !== "message" || !row.isOwn) continue;
    const own = progress.get(row.item.Id);
    if (!own || seen.has(own)) continue;
    rows[index] = { ...row, progress: own };
    seen.add(own);
    if (own === "read") return;
  }
}
