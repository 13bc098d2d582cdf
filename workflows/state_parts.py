"""The values that a conversation's state consists of."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from domain.conversation import State
from domain.participants import Participant, ParticipantPresence
from domain.refusals import Refusal, RefusalCode
from domain.value import Value


class ChangeNote(Value):
    """One change of a conversation, for operators. It contains no names of people and none of their messages."""

    at: datetime
    what: str


class RecordedRefusal(Value):
    """One refused input, for operators. `what` is the name of the input, such as a trigger."""

    at: datetime
    what: str
    code: RefusalCode
    text: str


class DecidedCommand(Value):
    """A command that was decided. Its sender can ask again, when Temporal repeats the workflow task."""

    id: str
    refused: Refusal | None = None
    state: State


class SpeechRecord(Value):
    """The last message of a party, the beginning of its idleness, and the progress of its chain of idle rules."""

    last_message_at: datetime | None = None
    after_seq: int = 0
    """The number of the item before the last message."""
    idle_since: datetime | None = None
    silent_since: datetime | None = None
    """The silence to which `steps_done` belongs."""
    steps_done: int = 0

    def with_message(self, at: datetime, after_seq: int) -> Self:
        """This record after a message of the party, which is no longer idle."""
        return self._with_fields({"last_message_at": at, "after_seq": after_seq, "idle_since": None})

    def with_idle_since(self, at: datetime) -> Self:
        """This record of a party that counts as idle."""
        return self._with_fields({"idle_since": at})

    def with_steps_done(self, count: int, silent_since: datetime | None) -> Self:
        """This record after a step of the chain of idle rules."""
        return self._with_fields({"silent_since": silent_since, "steps_done": count})


class QueueHours(Value):
    """The opening hours of a queue, as the conversation knows them."""

    queue: str
    open: bool
    until: datetime | None = None
    """When this changes next; None: no change is known."""
    opened_at: datetime | None = None
    """When the queue opened while the conversation waited in it."""
    stale: bool = False
    """Whether `until` has passed, and the hours are not queried again yet."""
    lapsed_at: datetime | None = None
    """The instant `until`, after it has passed."""

    def expired(self) -> Self:
        """These hours as stale, because `until` has passed."""
        return self._with_fields({"stale": True, "until": None, "lapsed_at": self.until})


class DroppedDeadline(Value):
    """A deadline that had no effect when it was due. It no longer counts; otherwise it would be due for ever."""

    timer: str
    due: datetime


class PendingOffer(Value):
    """The open offer: an agent can accept the conversation before `until`."""

    id: str
    user: str
    name: str
    until: datetime


class TrackedParticipant(Participant):
    """A participant of the state. `since`: the beginning of their current presence."""

    since: datetime

    def connected(self, at: datetime, since: datetime | None = None) -> Self:
        """This participant, known to be connected at `at`, and from `since` on (None: `at`). The first connection is joining."""
        return self._with_fields(
            {"presence": ParticipantPresence.CONNECTED, "since": since or at, "joined_at": self.joined_at or at}
        )

    def away(self, at: datetime) -> Self:
        """This participant, away from `at` on."""
        return self._with_fields({"presence": ParticipantPresence.AWAY, "since": at})

    def left(self, at: datetime) -> Self:
        """This participant, who left the conversation at `at`."""
        return self._with_fields({"left_at": at})


class UnarchivedContact(Value):
    """An ended contact whose transcript file, with all items up to `seq`, is not written yet."""

    contact_id: str
    seq: int
