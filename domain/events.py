"""The events of a conversation. Each is also the JSON body of the signal of its `kind`.

`by` names the sender: a participant's id, the word `customer` or `agent`, or any other name (of an operator or another system).
`at` is the instant at which the sender saw the event; without it the instant of arrival counts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, FailFast, Field, ValidationError, field_validator, model_validator

from domain.attachments import Attachment, AttachmentStatus
from domain.mistakes import mistakes_in, name_of
from domain.participants import ParticipantTimer, Role
from domain.transcript import checked_content
from domain.value import Name, ShownName, Value


class ConversationEvent(Value):
    """The fields of all events."""

    by: Name = "operator"
    at: AwareDatetime | None = None


class Message(ConversationEvent):
    """A message. With an `id`, minted when the message was accepted, it is recorded in any state.

    With an `attachment` it is that file. Its content, the name of the file, is not recorded: it is for operators.
    """

    kind: Literal["message"] = "message"
    id: Name | None = None
    content: str = Field(min_length=1)
    content_type: Annotated[Name, Field(max_length=100)] = "text/plain"
    role: Role | None = None
    """The sender's role when the message was accepted, with `name`, in case the sender leaves before it is recorded."""
    name: ShownName | None = None
    attachment: Attachment | None = None

    @field_validator("content")
    @classmethod
    def _limit_content(cls, content: str) -> str:
        if "\x00" in content:
            raise ValueError("must not contain U+0000")
        return checked_content(content)

    def with_verdict(self, status: AttachmentStatus, at: datetime) -> Message:
        """The message of an attachment with the verdict on its file, which takes its place at the instant of the verdict."""
        assert self.attachment
        return self._with_fields({"attachment": self.attachment.with_status(status), "at": at})


class Messages(Value):
    """Body of the `message` signal: one message, or several in one signal."""

    messages: Annotated[list[Message], FailFast()] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _wrap_single_message(cls, body: Any) -> Any:
        several = isinstance(body, Messages) or (isinstance(body, dict) and "messages" in body)
        return body if several else {"messages": [body]}


class Connect(ConversationEvent):
    """A participant's first connection is up."""

    kind: Literal["connect"] = "connect"
    by: Name = "customer"


class Disconnect(ConversationEvent):
    """A participant's last connection is lost."""

    kind: Literal["disconnect"] = "disconnect"
    by: Name = "customer"
    since: AwareDatetime | None = None
    """The last sign of life of a client that fell silent, when that was noticed later; None: `at`."""


class Assign(ConversationEvent):
    """The conversation is assigned to an agent."""

    kind: Literal["assign"] = "assign"
    user: Name
    name: Name


class MakeOffer(ConversationEvent):
    """Routing offers the conversation to an agent."""

    kind: Literal["offer"] = "offer"
    by: Name = "routing"
    offer_id: Name
    user: Name
    name: Name
    until: AwareDatetime


class AcceptOffer(ConversationEvent):
    """The agent accepts an offer."""

    kind: Literal["accept"] = "accept"
    offer_id: Name


class RejectOffer(ConversationEvent):
    """The agent rejects an offer."""

    kind: Literal["reject"] = "reject"
    offer_id: Name


class WithdrawOffer(ConversationEvent):
    """Routing withdraws an offer, because the agent is away or offline."""

    kind: Literal["withdraw"] = "withdraw"
    by: Name = "routing"
    offer_id: Name


class Transfer(ConversationEvent):
    """The agent transfers the conversation to a queue or to another agent. It continues as a new contact.

    Attributes:
        contact_id: the new contact; None: its id is derived from the conversation, for a signal to many conversations.
    """

    kind: Literal["transfer"] = "transfer"
    by: Name = "agent"
    contact_id: Name | None = None
    queue: Name
    user: Name | None = None
    name: Name | None = None


class Invite(ConversationEvent):
    """A bot of the customer's backend joins."""

    kind: Literal["invite"] = "invite"
    participant_id: Name
    name: Name


class Barge(ConversationEvent):
    """A supervisor joins a contact, so that all see them, and they can speak."""

    kind: Literal["barge"] = "barge"
    participant_id: Name
    contact_id: Name
    user: Name
    name: Name


class Leave(ConversationEvent):
    """A bot or a supervisor leaves."""

    kind: Literal["leave"] = "leave"


class Park(ConversationEvent):
    """The agent parks the conversation."""

    kind: Literal["park"] = "park"
    by: Name = "agent"


class Release(ConversationEvent):
    """The agent returns the conversation to its queue. It continues as a new contact."""

    kind: Literal["release"] = "release"
    by: Name = "agent"


class Resume(ConversationEvent):
    """A parked conversation is assigned to an agent again."""

    kind: Literal["resume"] = "resume"
    by: Name = "agent"
    user: Name | None = None
    """The agent, with `name`; without it the agent who parked it."""
    name: Name | None = None
    offer_id: Name | None = None
    """The offer with which routing has reserved the agent's capacity; None: it has reserved none."""


class QueuePosition(ConversationEvent):
    """The customer's position in the queue, and the average wait there."""

    kind: Literal["position"] = "position"
    by: Name = "routing"
    position: Annotated[int, Field(ge=1, lt=2**31)]
    average_wait: timedelta | None = None


class OpeningHours(ConversationEvent):
    """The opening hours of a queue at this moment."""

    kind: Literal["hours"] = "hours"
    by: Name = "hours"
    queue: Name
    open: bool
    until: AwareDatetime | None = None
    """When this changes next; None: no change is known."""
    holiday: bool = False
    opens: ShownName | None = None
    """The next opening, as a text for people, in the time zone of the queue. None: it is open, or no opening is known."""


class TimerSetting(Value):
    """One participant timer of a role and a kind; without `limit` it is removed. Amazon Connect: 2 to 480 minutes."""

    role: Literal[Role.CUSTOMER, Role.AGENT]
    kind: ParticipantTimer
    limit: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(minutes=480))] | None = None


class Configure(ConversationEvent):
    """Participant timers are set or removed (UpdateParticipantRoleConfig)."""

    kind: Literal["configure"] = "configure"
    timers: Annotated[tuple[TimerSetting, ...], Field(min_length=1, max_length=6)]


BY_ENGINE = "engine"
"""The sender of the end of a conversation whose workflow is gone."""


class End(ConversationEvent):
    """The chat ends: by the customer, by the agent, or (any other name in `by`) stopped from outside."""

    kind: Literal["end"] = "end"


class Close(ConversationEvent):
    """The agent's wrap-up is finished."""

    kind: Literal["close"] = "close"
    by: Name = "agent"


_Command = (
    Assign
    | AcceptOffer
    | RejectOffer
    | Transfer
    | Release
    | Invite
    | Barge
    | Leave
    | Park
    | Resume
    | End
    | Close
    | Connect
    | Disconnect
    | Configure
)

Command = Annotated[_Command, Field(discriminator="kind")]
"""The events that a caller can send by the update `ask`, which answers."""

AnyEvent = _Command | Message | QueuePosition | OpeningHours | MakeOffer | WithdrawOffer


def instant_of(event: AnyEvent, now: datetime) -> datetime:
    """The instant of an event: its own, or now if it has none or a later one."""
    return min(event.at, now) if event.at is not None else now


def mistakes_of(error: ValidationError | TypeError) -> str:
    """The mistakes in the body of a signal, for the operator who sent it: at most three fields."""
    if isinstance(error, TypeError):
        return "takes one JSON object in UTF-8, without halves of surrogate pairs"
    return "; ".join(f"{name_of(member, 'body')}: {message}" for member, message in mistakes_in(error)[:3])
