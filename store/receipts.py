"""Receipts: which messages a participant's client has received and displayed."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Select, String, and_, bindparam, select, update
from sqlalchemy.exc import NoResultFound

from domain.feed import FeedEvent
from domain.participants import Role
from domain.transcript import ItemType
from store import schema
from store.database import Database
from store.feed_derivation import ReadMessage, event_of_reading
from store.feed_writes import lock_free_numbers, lock_numbers, write_events
from store.pairs import PAIRS, among_pairs
from store.records import Receipt
from store.rows import columns
from store.transaction import Transaction

_items, _participants, _receipts = schema.items.c, schema.participants.c, schema.receipts.c
_PARTICIPANT = bindparam("participant", type_=String)
_CONVERSATION = bindparam("conversation", type_=String)
_AFTER, _UNTIL = bindparam("after", type_=BigInteger), bindparam("until", type_=BigInteger)
_AT = bindparam("at", type_=schema.Instant())

_PROGRESS = (
    select(_participants.id, _participants.delivered_seq, _participants.read_seq, _participants.role)
    .where(_participants.id.in_(bindparam("participants", expanding=True)))
    # one order for all, also for the snapshots of conversations: else two transactions could wait for each other
    .order_by(_participants.id)
    .with_for_update()
)

_NEW_RECEIPTS = select(
    _CONVERSATION.label("conversation_id"), _items.seq, _PARTICIPANT.label("participant_id"), _AT.label("delivered_at")
).where(
    _items.conversation_id == _CONVERSATION,
    _items.type != ItemType.EVENT,
    and_(_items.seq > _AFTER, _items.seq <= _UNTIL),
    _items.participant_id.is_distinct_from(_PARTICIPANT),
)
_RECEIPT_COLUMNS = ("conversation_id", "seq", "participant_id", "delivered_at")

_MARK_READ = (
    update(schema.receipts)
    .where(_receipts.conversation_id == _CONVERSATION, _receipts.participant_id == _PARTICIPANT)
    .where(_receipts.seq > _AFTER, _receipts.seq <= _UNTIL)
    .values(read_at=_AT)
)

_COUNT = (
    update(schema.participants)
    .where(_participants.id == _PARTICIPANT)
    .values(delivered_seq=bindparam("delivered", type_=BigInteger), read_seq=bindparam("read", type_=BigInteger))
)

_OF_ALL = select(_receipts.conversation_id, *columns(schema.receipts, Receipt)).order_by(
    _receipts.seq, _receipts.participant_id
)


class Acknowledgement(NamedTuple):
    """A participant's client has received or displayed a message and all before it.

    Attributes:
        conversation_id: the conversation.
        participant_id: the participant.
        seq: the number of the message.
        message_id: its id.
        contact_id: its contact.
        read: whether the client displayed the messages, which implies that it received them; else it only received them.
        at: the instant of the receipts.
    """

    conversation_id: str
    participant_id: str
    seq: int
    message_id: str
    contact_id: str
    read: bool
    at: datetime


_Span = dict[str, Any]
"""A participant and consecutive messages, as parameters of a statement."""


@dataclass(slots=True)
class _Progress:
    """The last message that a participant's client has received, and the last one that it has displayed."""

    delivered: int
    read: int
    role: Role

    def advance(self, to: Acknowledgement) -> tuple[_Span | None, _Span | None]:
        """Returns the messages that are newly received, and those that are newly displayed; None for none."""
        delivered = _span(to, after=self.delivered)
        read = _span(to, after=self.read) if to.read else None
        self.delivered = max(self.delivered, to.seq)
        if to.read:
            self.read = max(self.read, to.seq)
        return delivered, read


async def acknowledge(db: Database, acknowledgements: Sequence[Acknowledgement]) -> list[bool]:
    """Records acknowledgements, those of a conversation as if each were recorded alone, in their order. Idempotent.

    Writes a receipt for each message of other participants, and an event of the feed for the last message that a participant has
    newly read. Those of a conversation share a transaction. Locks the checkpoints of conversations in which something is read,
    then the participants.

    Returns:
        For each acknowledgement whether it is new. False: an earlier one covers it, and nothing is written for it.

    Raises:
        NoResultFound: a participant does not exist. Nothing of its conversation is written.
    """
    are_new: dict[int, bool] = {}
    numbered = list(enumerate(acknowledgements))
    while numbered:
        async with db.write() as connection:
            # at first those whose conversations nobody writes: a message must not wait for the receipts of other chats
            names = {each.conversation_id for _, each in numbered if each.read}
            busy = names - await lock_free_numbers(db, connection, names)
            if all(each.conversation_id in busy for _, each in numbered):
                first = numbered[0][1].conversation_id
                await lock_numbers(connection, first)
                busy.discard(first)
            together = [(n, each) for n, each in numbered if each.conversation_id not in busy]
            new = await _acknowledge(db, connection, [each for _, each in together])
        are_new.update(zip((n for n, _ in together), new, strict=True))
        numbered = [(n, each) for n, each in numbered if each.conversation_id in busy]
    return [are_new[n] for n in range(len(acknowledgements))]


async def _acknowledge(
    db: Database, connection: Transaction, acknowledgements: Sequence[Acknowledgement]
) -> list[bool]:
    progress = await _lock_progress(connection, {each.participant_id for each in acknowledgements})
    spans = [progress[each.participant_id].advance(each) for each in acknowledgements]
    delivered, read = ([span for span in kind if span] for kind in zip(*spans, strict=True))
    if delivered:
        # a read message without a receipt counts as received at the same instant
        await connection.execute(db.insert_new_from(schema.receipts, _RECEIPT_COLUMNS, _NEW_RECEIPTS), delivered)
    if read:
        await connection.execute(_MARK_READ, read)
    if changed := {span["participant"] for span in (*delivered, *read)}:
        counts = [{"participant": id, "delivered": progress[id].delivered, "read": progress[id].read} for id in changed]
        await connection.execute(_COUNT, counts)
    last_read = {each.participant_id: each for each, new in zip(acknowledgements, spans, strict=True) if new[1]}
    events: dict[str, list[FeedEvent]] = {}
    for each in last_read.values():
        message = ReadMessage(
            each.participant_id, progress[each.participant_id].role, each.message_id, each.contact_id, each.at
        )
        events.setdefault(each.conversation_id, []).append(event_of_reading(each.conversation_id, message))
    await write_events(db, connection, list(events.items()))
    return [any(new) for new in spans]


async def _lock_progress(connection: Transaction, participants: Set[str]) -> dict[str, _Progress]:
    rows = await connection.execute(_PROGRESS, {"participants": list(participants)})
    progress = {id: _Progress(delivered, read, Role(role)) for id, delivered, read, role in rows}
    if len(progress) < len(participants):
        raise NoResultFound(f"there is no participant {', '.join(participants - progress.keys())}")
    return progress


def _span(acknowledgement: Acknowledgement, after: int) -> _Span | None:
    if acknowledgement.seq <= after:
        return None
    return {
        "conversation": acknowledgement.conversation_id,
        "participant": acknowledgement.participant_id,
        "after": after,
        "until": acknowledgement.seq,
        "at": acknowledgement.at,
    }


async def receipts_of(db: Database, messages: Sequence[tuple[str, int]]) -> dict[tuple[str, int], list[Receipt]]:
    """The receipts of some messages, each named by (conversation id, number); messages without receipts are missing."""
    found: dict[tuple[str, int], list[Receipt]] = {}
    for row in await db.mappings(_of_messages(postgres=db.is_postgres), {PAIRS: messages}):
        values: dict[str, Any] = dict(row)
        found.setdefault((values.pop("conversation_id"), row["seq"]), []).append(Receipt(**values))
    return found


@cache
def _of_messages(*, postgres: bool) -> Select[*tuple[Any, ...]]:
    return among_pairs(_OF_ALL, _receipts.conversation_id, _receipts.seq, postgres=postgres)


async def receipts_between(db: Database, conversation_id: str, first: int, last: int) -> dict[int, list[Receipt]]:
    """The receipts of the messages from number `first` to number `last`, by number."""
    table = schema.receipts
    query = (
        select(*columns(table, Receipt))
        .where(table.c.conversation_id == conversation_id, table.c.seq.between(first, last))
        .order_by(table.c.seq, table.c.participant_id)
    )
    found: dict[int, list[Receipt]] = {}
    async with db.read() as connection:
        for row in (await connection.execute(query)).mappings():
            found.setdefault(row["seq"], []).append(Receipt(**row))
    return found
