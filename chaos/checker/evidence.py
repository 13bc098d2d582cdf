"""The evidence of a run at rest: what every part of the deployment says, each in its own words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from chaos.store import Row


class Breach(NamedTuple):
    """Something that is not as promised: which rule, where (a chat, an agent, a process), and what."""

    rule: str
    where: str
    what: str


class Item(NamedTuple):
    """An item of a transcript, as GetTranscript shows it. `at` is in seconds since 1970."""

    id: str
    at: float
    type: str
    content_type: str
    content: str
    role: str
    contact: str


@dataclass(frozen=True)
class RunState:
    """What the workflow of a conversation says of itself."""

    state: str
    revision: int
    seq: int
    agent: str | None
    presence: dict[str, str]


@dataclass
class Board:
    """The rows of routing at one instant, which was between `at` and `until`.

    The store can take long to answer. What is held only until an instant between the two may or may not be held in the rows.
    """

    at: float
    until: float
    routing: list[Row] = field(default_factory=list[Row])
    agents: list[Row] = field(default_factory=list[Row])
    served: list[Row] = field(default_factory=list[Row])
    rejections: list[Row] = field(default_factory=list[Row])


@dataclass
class Evidence:
    """What is found once everything is at rest.

    Attributes:
        at: when the store was read.
        transcripts: the items of each chat, oldest first.
        conversations: their rows.
        items: number, id and contact of the stored items of each conversation, in order.
        participants, contacts: their rows.
        boards: routing at two instants, with time between them for an offer.
        runs: the workflows that run.
        failed: workflow tasks and workflows that failed.
        files: the ids of the items in the archived file of each contact, in order.
        logs: the text of each process.
    """

    at: float = 0.0
    transcripts: dict[str, list[Item]] = field(default_factory=dict[str, list[Item]])
    conversations: dict[str, Row] = field(default_factory=dict[str, Row])
    items: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])
    participants: list[Row] = field(default_factory=list[Row])
    contacts: list[Row] = field(default_factory=list[Row])
    boards: list[Board] = field(default_factory=list[Board])
    runs: dict[str, RunState] = field(default_factory=dict[str, RunState])
    failed: list[str] = field(default_factory=list[str])
    files: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    logs: dict[str, str] = field(default_factory=dict[str, str])
