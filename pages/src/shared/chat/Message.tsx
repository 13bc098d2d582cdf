/** One message: its text or file, who wrote it, when, and what became of it. */
import { Component, type ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { text } from "../texts";
import { Icon } from "../ui/Icon";
import type { Conversation } from "./conversation";
import { Interactive, readAnswer, readTemplate } from "./Interactive";
import { RichText } from "./RichText";
import type { MessageRow, OutgoingRow } from "./rows";
import { clock, fullTime } from "./time";
import { INTERACTIVE, INTERACTIVE_RESPONSE, type Attachment, type Item } from "./wire";

export function Message({ row, conversation, isLatest }: { row: MessageRow; conversation: Conversation; isLatest: boolean }) {
  const { item, isOwn, follows, isFollowed, progress } = row;
  const name = isOwn ? text("you") : nameOf(item);
  return (
    <article class={`message ${isOwn ? "message-own" : ""} ${follows ? "message-follows" : ""}`} aria-label={name}>
      {!follows && !isOwn && (
        <p class="message-name" aria-hidden="true">
          {name}
        </p>
      )}
      <div class="message-body">
        <Content item={item} conversation={conversation} isLatest={isLatest} />
      </div>
      {(!isFollowed || progress) && (
        <p class="message-foot">
          <time dateTime={item.AbsoluteTime} title={fullTime(item.AbsoluteTime)}>
            {clock(item.AbsoluteTime)}
          </time>
          {progress && <span> · {text(progress)}</span>}
        </p>
      )}
    </article>
  );
}

function nameOf(item: Item): string {
  return item.ParticipantRole === "SYSTEM" ? text("system") : (item.DisplayName ?? "");
}

function Content({ item, conversation, isLatest }: { item: Item; conversation: Conversation; isLatest: boolean }) {
  if (item.Attachments?.length) {
    return (
      <>
        {item.Attachments.map((file) => (
          <File key={file.AttachmentId} file={file} conversation={conversation} />
        ))}
      </>
    );
  }
  const content = item.Content ?? "";
  if (item.ContentType === INTERACTIVE) {
    const template = readTemplate(content);
    if (template) {
      const isAnswered = conversation.transcript.outgoing.value.some((each) => each.problem === null);
      const canAnswer = isLatest && conversation.party === "CUSTOMER" && !conversation.isClosed.value && !isAnswered;
      return <Interactive template={template} onAnswer={canAnswer ? (answer) => conversation.send(answer) : null} />;
    }
  }
  if (item.ContentType === INTERACTIVE_RESPONSE) return <RichText text={readAnswer(content)} markdown={false} />;
  return <RichText text={content} markdown={item.ContentType === "text/markdown"} />;
}

function File({ file, conversation }: { file: Attachment; conversation: Conversation }) {
  const [problem, setProblem] = useState<string | null>(null);
  const isReady = file.Status === "APPROVED";
  const open = async () => {
    try {
      setProblem(null);
      const link = document.createElement("a");
      link.href = await conversation.addressOf(file.AttachmentId);
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      link.click();
    } catch {
      setProblem(text("unavailable"));
    }
  };
  const state = file.Status === "REJECTED" ? text("fileRejected") : text("fileChecked");
  return (
    <div class="file">
      <Icon name={isReady ? "file" : file.Status === "REJECTED" ? "alert" : "clock"} />
      {isReady ? (
        <button type="button" class="file-name" onClick={() => void open()} aria-label={text("download", { name: file.AttachmentName })}>
          {file.AttachmentName}
        </button>
      ) : (
        <span>
          {file.AttachmentName} <span class="small">({state})</span>
        </span>
      )}
      {problem && <span class="small">{problem}</span>}
    </div>
  );
}

/** Stands in for a message that the page has not understood: what one person has sent takes the page from nobody. */
export class MessageGuard extends Component<{ children: ComponentChildren }, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static override getDerivedStateFromError() {
    return { hasFailed: true };
  }

  override render() {
    return this.state.hasFailed ? <p class="event-line">{text("cannotBeShown")}</p> : this.props.children;
  }
}

/** A message that is on its way, or was refused. */
export function OutgoingMessage({ row, conversation }: { row: OutgoingRow; conversation: Conversation }) {
  const { message, follows } = row;
  return (
    <article class={`message message-own ${follows ? "message-follows" : ""}`} aria-label={text("you")}>
      <div class={`message-body ${message.problem === null ? "message-sending" : "message-failed"}`}>
        <RichText text={message.content} markdown={message.contentType === "text/markdown"} />
      </div>
      {message.problem === null ? (
        <p class="message-foot">{text(conversation.connection.value === "connected" ? "sending" : "waitingToSend")}</p>
      ) : (
        <p class="message-foot message-problem" role="alert">
          {text("failed")} {message.problem}{" "}
          {!conversation.isClosed.value && (
            <button type="button" class="link-button" onClick={() => conversation.resend(message.token)}>
              {text("tryAgain")}
            </button>
          )}{" "}
          <button type="button" class="link-button" onClick={() => conversation.transcript.drop(message.token)}>
            {text("discard")}
          </button>
        </p>
      )}
    </article>
  );
}
