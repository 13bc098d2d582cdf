"""Records receipts. Those of many participants share a transaction.

ChatJS sends two receipts for each message and recipient by itself, so there are more receipts than messages, and nobody waits for
the answer to one. So they gather for a short time. They are answered after the commit: a crash loses only receipts without an
answer, and a participant reads their own receipts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.errors import Throttled
from domain.transcript import ItemType, TranscriptItem
from store import transcript
from store.database import Database
from store.group_writer import GroupWriter
from store.receipts import Acknowledgement, acknowledge

GATHER = timedelta(milliseconds=100)
"""How long receipts gather before they are recorded."""

MAX_WAITING = 1_000
"""How many receipts of a process may wait to be recorded. So many wait only while the store is slow."""


class ReceiptRequest(NamedTuple):
    """A participant's client says that it has received or displayed a message.

    Attributes:
        conversation_id: the conversation.
        participant_id: the participant.
        message_id: the message.
        read: whether the client displayed the message; else it only received it.
        at: the instant of the receipt.
    """

    conversation_id: str
    participant_id: str
    message_id: str
    read: bool
    at: datetime


class RecordedReceipt(NamedTuple):
    """The message of a receipt, and whether the receipt is new. A receipt of the message's sender never is."""

    message: TranscriptItem
    is_new: bool


class ReceiptWriter:
    """Records receipts. Belongs to one event loop."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._writer = GroupWriter(self._record, gather=GATHER)

    async def record(self, request: ReceiptRequest) -> RecordedReceipt | None:
        """Record a receipt. Returns after the commit.

        A receipt covers all earlier messages, see `acknowledge`. Receipts are recorded in the order of the calls. See
        `GroupWriter.write` for failures and cancellation.

        Returns:
            None when the conversation has no such message.

        Raises:
            Throttled: too many receipts wait.
        """
        if self._writer.unfinished >= MAX_WAITING:
            raise Throttled("Too many receipts wait to be recorded. Try again later.")
        return await self._writer.write(request)

    async def start(self) -> None:
        """Do nothing: the first receipt starts the writer."""

    async def stop(self) -> None:
        """Record the receipts that wait."""
        await self._writer.finish()

    async def _record(self, group: Sequence[ReceiptRequest]) -> list[RecordedReceipt | None]:
        messages = await self._find_messages(group)
        acknowledgements = list(map(_acknowledgement, group, messages))
        are_new = iter(await acknowledge(self._db, [each for each in acknowledgements if each]))
        return [
            RecordedReceipt(message, acknowledgement is not None and next(are_new)) if message else None
            for message, acknowledgement in zip(messages, acknowledgements, strict=True)
        ]

    async def _find_messages(self, group: Sequence[ReceiptRequest]) -> list[TranscriptItem | None]:
        names = [(each.conversation_id, each.message_id) for each in group]
        found = await transcript.find_items(self._db, set(names))
        messages = {name: item for name, item in found.items() if item.type is not ItemType.EVENT}
        return [messages.get(name) for name in names]


def _acknowledgement(request: ReceiptRequest, message: TranscriptItem | None) -> Acknowledgement | None:
    """Returns what is recorded for a request; None when it has no effect."""
    if message is None or message.participant_id == request.participant_id:
        return None
    return Acknowledgement(
        request.conversation_id,
        request.participant_id,
        message.seq,
        message.id,
        message.contact_id,
        request.read,
        request.at,
    )
