"""What can happen to a conversation. Each event is also the JSON body of the signal of the same name.

Every event says who did it (`by`): a participant's id, the word `customer` or `agent`, or any other name (an operator,
another system). `at` is the instant at which the sender saw it happen; without it the instant of arrival counts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, ValidationError, field_validator, model_validator

from domain.participants import ParticipantTimer, Role
from domain.transcript import MAX_CONTENT_BYTES
from domain.value import Name, Value


class ConversationEvent(Value):
    """Common to all events."""

    by: Name = "operator"
    at: AwareDatetime | None = None


class Message(ConversationEvent):
    """Somebody says something. With an `id` that was minted when the message was accepted, it is recorded in any state."""

    kind: Literal["message"] = "message"
    id: Name | None = None
    content: str = Field(min_length=1)
    content_type: Annotated[Name, Field(max_length=100)] = "text/plain"
    role: Role | None = None
    """With `name`: who `by` was when the message was accepted, should they have left before it is recorded."""
    name: str | None = None

    @field_validator("content")
    @classmethod
    def _can_be_kept(cls, content: str) -> str:
        if "\x00" in content:
            raise ValueError("must not contain U+0000")
        if len(content.encode()) > MAX_CONTENT_BYTES:
            raise ValueError(f"must be at most {MAX_CONTENT_BYTES} UTF-8 bytes")
        return content


class Messages(Value):
    """Body of the `message` signal: one message, or several that travelled together."""

    messages: list[Message] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, body: Any) -> Any:
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


class Assign(ConversationEvent):
    """An agent gets the conversation."""

    kind: Literal["assign"] = "assign"
    user: Name
    name: Name


class MakeOffer(ConversationEvent):
    """The board asks an agent whether they take the conversation."""

    kind: Literal["offer"] = "offer"
    by: Name = "board"
    offer_id: Name
    user: Name
    name: Name
    until: AwareDatetime


class AcceptOffer(ConversationEvent):
    """The agent takes it."""

    kind: Literal["accept"] = "accept"
    offer_id: Name


class RejectOffer(ConversationEvent):
    """The agent does not take it."""

    kind: Literal["reject"] = "reject"
    offer_id: Name


class WithdrawOffer(ConversationEvent):
    """The board takes its offer back: the agent is gone."""

    kind: Literal["withdraw"] = "withdraw"
    by: Name = "board"
    offer_id: Name


class Transfer(ConversationEvent):
    """The agent hands the conversation on, to a queue or to another agent; it goes on as a new contact."""

    kind: Literal["transfer"] = "transfer"
    by: Name = "agent"
    contact_id: Name
    queue: Name
    user: Name | None = None
    name: Name | None = None


class Invite(ConversationEvent):
    """A bot of the customer's backend takes part from now on."""

    kind: Literal["invite"] = "invite"
    participant_id: Name
    name: Name


class Leave(ConversationEvent):
    """A bot takes part no more."""

    kind: Literal["leave"] = "leave"


class Park(ConversationEvent):
    """The agent sets the conversation aside."""

    kind: Literal["park"] = "park"
    by: Name = "agent"


class Release(ConversationEvent):
    """The agent gives the conversation back to its queue; it goes on as a new contact."""

    kind: Literal["release"] = "release"
    by: Name = "agent"


class Resume(ConversationEvent):
    """The agent takes a parked conversation up again."""

    kind: Literal["resume"] = "resume"
    by: Name = "agent"
    user: Name | None = None
    """Who takes it up, with `name`; without it whoever parked it."""
    name: Name | None = None


class QueuePosition(ConversationEvent):
    """The customer's place in the queue, for those who are told of it."""

    kind: Literal["position"] = "position"
    by: Name = "board"
    position: Annotated[int, Field(ge=1)]
    average_wait: timedelta | None = None


class OpeningHours(ConversationEvent):
    """What the queue's opening hours say at this moment."""

    kind: Literal["hours"] = "hours"
    by: Name = "hours"
    queue: Name
    open: bool
    until: AwareDatetime | None = None
    """When to look again; `None` means that it stays so."""
    holiday: bool = False
    opens: str | None = None
    """When it opens, for people: in the queue's own time."""


class TimerSetting(Value):
    """One participant timer, of a role and a kind; without `limit` it is taken away. Amazon Connect: 2 to 480 minutes."""

    role: Literal[Role.CUSTOMER, Role.AGENT]
    kind: ParticipantTimer
    limit: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(minutes=480))] | None = None


class Configure(ConversationEvent):
    """Sets or takes away participant timers (UpdateParticipantRoleConfig)."""

    kind: Literal["configure"] = "configure"
    timers: Annotated[tuple[TimerSetting, ...], Field(min_length=1, max_length=6)]


class End(ConversationEvent):
    """The chat is over: by the customer, by the agent, or (any other name) stopped from outside."""

    kind: Literal["end"] = "end"


class Close(ConversationEvent):
    """The agent's work after the end is done."""

    kind: Literal["close"] = "close"
    by: Name = "agent"


_Asked = (
    Assign
    | AcceptOffer
    | RejectOffer
    | Transfer
    | Release
    | Invite
    | Leave
    | Park
    | Resume
    | End
    | Close
    | Connect
    | Disconnect
    | Configure
)

Command = Annotated[_Asked, Field(discriminator="kind")]
"""What a caller may ask for and be answered (the `ask` update)."""

AnyEvent = _Asked | Message | QueuePosition | OpeningHours | MakeOffer | WithdrawOffer


def instant_of(event: AnyEvent, now: datetime) -> datetime:
    """When the event counts as having happened: as its sender says, but never in the future."""
    return min(event.at, now) if event.at is not None else now


def mistakes_of(error: ValidationError | TypeError) -> str:
    """Why a signal's body is none, for the operator who sent it: the fields that are wrong, at most three."""
    if isinstance(error, TypeError):
        return "takes one JSON object"
    return "; ".join(
        f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors(include_url=False)[:3]
    )
