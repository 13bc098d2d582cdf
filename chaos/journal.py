"""The journal of a run: what people sent and were answered, and what their sockets and readings showed them.

Times are seconds since 1970 on the clock of this machine, which is also that of the deployment.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from time import time
from typing import NamedTuple


class Outcome(StrEnum):
    """What became of a message, as its sender knows it."""

    OPEN = "open"
    """Nobody has answered yet. The message may be in the transcript."""
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    """The last attempt was refused, because the chat is over. An earlier attempt may have been accepted."""


@dataclass(slots=True)
class SentMessage:
    """A message, with all its attempts.

    Attributes:
        chat: the id of the chat.
        line: who wrote it, one message after the other. An agent has a line of their own for each time at the chat.
        number: its place in the line, from 0.
        text: its content, which no other message of the run has.
        begun: when the first attempt began.
        answered: when the answer came; None while it is open.
        id: its id in the answer; empty without one.
    """

    chat: str
    line: str
    number: int
    text: str
    begun: float
    answered: float | None = None
    outcome: Outcome = Outcome.OPEN
    id: str = ""


@dataclass(slots=True)
class ShownFrame:
    """An item that arrived on a socket, and when."""

    id: str
    type: str
    content_type: str
    arrived: float


@dataclass(slots=True)
class SocketRecord:
    """One subscribed socket of a participant.

    Attributes:
        closed: when its client knew that it is closed; None while it is open.
        signs: when something arrived on it, the answers to heartbeats included.
        frames: the items that it showed, in the order of their arrival.
        ended: whether it showed the end of the chat, after which nothing more comes.
        read: the ids that the client read from the transcript after the subscription, in order; None if it did not get so far.
    """

    chat: str
    participant: str
    role: str
    subscribed: float
    closed: float | None = None
    signs: list[float] = field(default_factory=list[float])
    frames: list[ShownFrame] = field(default_factory=list[ShownFrame])
    ended: bool = False
    read: list[str] | None = None


@dataclass(slots=True)
class ChatRecord:
    """A chat that a customer has started.

    Attributes:
        source: the chat that it continues; empty without one.
        past: the ids of the items of the past, oldest first; None if they were not read to the beginning.
        left_at: when the customer closed the last socket for good; None otherwise.
    """

    id: str
    workstream: str
    participant: str
    participant_token: str
    source: str = ""
    past: list[str] | None = None
    left_at: float | None = None


@dataclass(slots=True)
class FaultRecord:
    """A fault: when it began, and when its cause was taken away. A process starts only then."""

    kind: str
    part: str
    began: float
    lifted: float = 0.0


class FollowedEvent(NamedTuple):
    """An event of the feed, as a reader or the receiver of the webhook got it."""

    chat: str
    seq: int
    type: str
    id: str


@dataclass
class Journal:
    """All that happened in a run, as seen from outside.

    Attributes:
        numbers: the numbers of the events that each desk has received, in the order of their arrival.
        answers: how many answers had each status; 0 stands for no answer.
        errors: the requests that were answered with 500.
        followed: the events of the feed, in its order.
        received: the events that the webhook has delivered, in the order of their arrival. One can come again.
        stuck: what people waited for in vain when everything worked again.
        board: what was wrong on the routing board at any moment.
    """

    messages: list[SentMessage] = field(default_factory=list[SentMessage])
    sockets: list[SocketRecord] = field(default_factory=list[SocketRecord])
    chats: dict[str, ChatRecord] = field(default_factory=dict[str, ChatRecord])
    faults: list[FaultRecord] = field(default_factory=list[FaultRecord])
    numbers: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    answers: Counter[int] = field(default_factory=Counter[int])
    done: Counter[str] = field(default_factory=Counter[str])
    errors: list[str] = field(default_factory=list[str])
    followed: list[FollowedEvent] = field(default_factory=list[FollowedEvent])
    received: list[FollowedEvent] = field(default_factory=list[FollowedEvent])
    stuck: list[str] = field(default_factory=list[str])
    board: list[str] = field(default_factory=list[str])
    began: float = field(default_factory=time)
    ended: float = 0.0

    @property
    def acknowledged(self) -> list[SentMessage]:
        """The messages that were accepted."""
        return [message for message in self.messages if message.outcome is Outcome.ACKNOWLEDGED]

    def disturbed(self, begin: float, end: float, recovery: float = 0.0) -> float:
        """For how many seconds faults, each with some seconds to recover from it, cover a span of time."""
        covered, last = 0.0, begin
        for fault in sorted(self.faults, key=lambda fault: fault.began):
            start, stop = max(fault.began, last), min((fault.lifted or end) + recovery, end)
            if stop > start:
                covered, last = covered + stop - start, stop
        return covered
