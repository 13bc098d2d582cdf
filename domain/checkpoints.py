"""The checkpoint of a commit, and the conflict when the store has another commit. Run and store so agree on what is written."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from domain.routing import EndedOffer
from domain.value import Value


class Checkpoint(Value):
    """Where a run stands after a commit.

    Attributes:
        run_id: the run that made the commit.
        number: the number of the commit in its conversation. It grows by one, also across runs.
        consumed: how many signalled events of the run's inbox the run had decided on, those that it was started with included.
        state: the state to which the commit led, as JSON, see `workflows.checkpoint_states`.
    """

    run_id: str
    number: int
    consumed: int
    state: str


class ConflictKind(StrEnum):
    """Why the store did not write a commit."""

    TAKEN = "taken"
    """An earlier attempt of the same workflow task has written a commit with this number, and other content."""
    BEHIND = "behind"
    """The store has commits of a run that this one does not continue: the workflow was reset, or started again by hand."""
    INCOMPLETE = "incomplete"
    """The store lacks the conversation or earlier commits: it was restored from a backup."""
    OFFER_OVER = "offer-over"
    """The commit accepts an offer that routing has ended: the agent was away, or the conversation did not answer in time."""
    CONNECTED = "connected"
    """The commit takes a participant for absent who has an open socket: the report of the connect is late."""
    REFUSED = "refused"
    """The store can never take the commit: a value or a key in it is wrong."""


class Conflict(Value):
    """What the store has instead of a commit that it did not write.

    Attributes:
        kind: why it did not write the commit.
        checkpoint: the checkpoint that stands; None when there is none.
        revision: the revision of the record.
        seq: the number of the last transcript item; 0 without one.
        at: the instant of that item.
        recent_ids: the ids of the last items, in order. Only for `BEHIND`.
        offer: the offer that is over, with its outcome. Only for `OFFER_OVER`; the other attributes then have no values.
        participants: the ids of those who are connected. Only for `CONNECTED`, as for `OFFER_OVER`.
        cause: why the store refuses the commit, without anything of its content. Only for `REFUSED`, as for `OFFER_OVER`.
    """

    kind: ConflictKind
    checkpoint: Checkpoint | None = None
    revision: int = 0
    seq: int = 0
    at: datetime | None = None
    recent_ids: tuple[str, ...] = ()
    offer: EndedOffer | None = None
    participants: tuple[str, ...] = ()
    cause: str = ""
