/** The words of the pages. A site can replace each of the customer's (docs/pages.md). `{name}` and the like are filled in. */
import { signal } from "@preact/signals";

export const ENGLISH = {
  title: "Chat",
  open: "Open chat",
  openWithNew: "Open chat, new messages: {count}",
  close: "Close chat",
  loading: "Loading…",

  greeting: "How can we help?",
  introduction: "Write to us. You can close this page and come back.",
  live: "Talk now",
  liveHint: "Somebody answers while you stay here.",
  persistent: "Leave it open",
  persistentHint: "Write now, and come back for the answer whenever you like.",
  kind: "How would you like to talk?",
  name: "Your name",
  nameHint: "Optional",
  guest: "Guest",
  firstMessage: "Your message",
  firstMessagePlaceholder: "What is it about?",
  start: "Start chat",
  starting: "Starting…",
  notStarted: "The chat could not be started. Please reload the page and try again.",

  welcomeBack: "Welcome back",
  welcomeBackHint: "Your last chat was {when}. Continue it with its history, or begin afresh.",
  continueChat: "Continue",
  startNew: "Start a new chat",
  cannotContinue: "This chat can no longer be continued. Please start a new one.",
  forget: "Forget my chats on this device",

  outOfHours: "We are closed at the moment",
  outOfHoursHint: "Leave a message, or come back when we are open.",
  opensAt: "We open again {when}.",
  unavailable: "The chat cannot be reached",
  unavailableHint: "Check your connection. We try again by ourselves.",
  notServed: "This chat is not set up",
  tooMany: "Too many chats are open at the moment. Please try again in a few minutes.",

  messages: "Messages",
  message: "Message",
  placeholder: "Write a message",
  send: "Send",
  attach: "Attach a file",
  sendingFile: "Sending {name}…",
  fileFailed: "{name} could not be sent. {reason}",
  fileKinds: "Possible files: {kinds}.",
  fileChecked: "is being checked",
  fileRejected: "was rejected",
  download: "Download {name}",
  tooLong: "This message is too long. Please shorten it by about {count} characters.",
  more: "More",
  transcript: "Download transcript",
  transcriptFailed: "The transcript could not be loaded. Please try again.",
  end: "End chat",
  leave: "Leave chat",
  endQuestion: "End this chat?",
  endHint: "You can continue it later with its history.",
  endFailed: "The chat could not be ended. Please try again.",
  cancel: "Cancel",
  latest: "Latest messages",
  newMessages: "New messages",
  older: "Earlier messages",
  loadingOlder: "Loading earlier messages…",
  beginning: "This is where your chats begin",
  beginningOfAll: "This is where the conversation begins",

  you: "You",
  system: "Automatic message",
  typing: "{name} is writing…",
  somebodyTyping: "Writing…",
  sending: "Sending…",
  waitingToSend: "Waiting for the connection. It is sent by itself.",
  sent: "Sent",
  delivered: "Delivered",
  read: "Read",
  failed: "Not sent.",
  tooFast: "That was too fast. Please try again in a moment.",
  cannotBeShown: "This message cannot be shown",
  tryAgain: "Try again",
  discard: "Discard",
  dismiss: "Dismiss",

  joined: "{name} has joined",
  left: "{name} has left",
  transferred: "The chat has been passed on",
  transferFailed: "The chat could not be passed on",
  autoDisconnected: "The chat was closed because nobody wrote",
  ended: "The chat has ended",
  earlierChat: "Earlier chat, {date}",
  thisChat: "This chat",
  today: "Today",

  connecting: "Connecting…",
  connected: "Connected",
  reconnecting: "The connection is lost. Connecting again…",
  offline: "You are offline. What you write is sent once you are back.",
  closed: "This chat has ended",
  waiting: "Waiting for somebody to answer",
  waitingPersistent: "You can leave. The answer waits for you here.",
  withAgent: "With {name}",

  answerPick: "Choose an answer, or write your own",
};

export type Texts = Record<keyof typeof ENGLISH, string>;

export const texts = signal<Texts>(ENGLISH);

/** Replace some of the texts. Unknown names and values that are no texts are ignored. */
export function replaceTexts(own: Record<string, unknown>): void {
  const known = Object.entries(own).filter(([name, value]) => name in ENGLISH && typeof value === "string");
  texts.value = { ...texts.value, ...Object.fromEntries(known) };
}

/** A text with its slots filled. */
export function text(name: keyof Texts, slots: Record<string, string | number> = {}): string {
  return texts.value[name].replace(/\{(\w+)\}/g, (slot, key: string) => String(slots[key] ?? slot));
}
