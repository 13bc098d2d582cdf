"""Receipts: which messages a participant's client has received and displayed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, and_, bindparam, select, tuple_, update

from domain.transcript import ItemType
from store import schema
from store.database import Database
from store.records import Receipt
from store.rows import columns

_items, _participants, _receipts = schema.items.c, schema.participants.c, schema.receipts.c
_PARTICIPANT = bindparam("participant", type_=String)
_CONVERSATION = bindparam("conversation", type_=String)
_AFTER, _UNTIL = bindparam("after", type_=BigInteger), bindparam("until", type_=BigInteger)
_AT = bindparam("at", type_=schema.Instant())

_ACKNOWLEDGED = (
    select(_participants.delivered_seq, _participants.read_seq)
    .where(_participants.id == _PARTICIPANT)
    .with_for_update()
)

_NEW_RECEIPTS = select(
    _CONVERSATION.label("conversation_id"), _items.seq, _PARTICIPANT.label("participant_id"), _AT.label("delivered_at")
).where(
    _items.conversation_id == _CONVERSATION,
    _items.type == ItemType.MESSAGE,
    and_(_items.seq > _AFTER, _items.seq <= _UNTIL),
    _items.participant_id.is_distinct_from(_PARTICIPANT),
)

_MARK_READ = (
    update(schema.receipts)
    .where(_receipts.conversation_id == _CONVERSATION, _receipts.participant_id == _PARTICIPANT)
    .where(_receipts.seq > _AFTER, _receipts.seq <= _UNTIL)
    .values(read_at=_AT)
)

_COUNT = update(schema.participants).where(_participants.id == _PARTICIPANT)
_COUNT_DELIVERED = _COUNT.values(delivered_seq=_UNTIL)
_COUNT_READ = _COUNT.values(delivered_seq=bindparam("delivered", type_=BigInteger), read_seq=_UNTIL)

_OF_MESSAGES = (
    select(_receipts.conversation_id, *columns(schema.receipts, Receipt))
    .where(tuple_(_receipts.conversation_id, _receipts.seq).in_(bindparam("messages", expanding=True)))
    .order_by(_receipts.seq, _receipts.participant_id)
)


async def acknowledge(
    db: Database, conversation_id: str, participant_id: str, seq: int, *, read: bool, at: datetime
) -> bool:
    """Records that a participant's client received or displayed the message `seq` and all before it. Idempotent.

    Writes a receipt for each message of other participants. Locks the participant.

    Args:
        read: whether the client displayed the messages, which implies that it received them; else it only received them.
        at: the instant of the receipts.

    Returns:
        False, and nothing is written, when this was recorded before.
    """
    this_participant = {"participant": participant_id}
    async with db.write() as connection:
        delivered_before, read_before = (await connection.execute(_ACKNOWLEDGED, this_participant)).one()
        acknowledged = read_before if read else delivered_before
        if seq <= acknowledged:
            return False
        span = {**this_participant, "conversation": conversation_id, "after": acknowledged, "until": seq, "at": at}
        # a read message without a receipt counts as received at the same instant
        names = ("conversation_id", "seq", "participant_id", "delivered_at")
        await connection.execute(db.insert_new_from(schema.receipts, names, _NEW_RECEIPTS), span)
        if read:
            await connection.execute(_MARK_READ, span)
            delivered = max(delivered_before, seq)
            await connection.execute(_COUNT_READ, {**this_participant, "delivered": delivered, "until": seq})
        else:
            await connection.execute(_COUNT_DELIVERED, {**this_participant, "until": seq})
    return True


async def receipts_of(db: Database, messages: Sequence[tuple[str, int]]) -> dict[tuple[str, int], list[Receipt]]:
    """The receipts of some messages, each named by (conversation id, number); messages without receipts are missing."""
    found: dict[tuple[str, int], list[Receipt]] = {}
    for row in await db.mappings(_OF_MESSAGES, {"messages": list(messages)}):
        values: dict[str, Any] = dict(row)
        found.setdefault((values.pop("conversation_id"), row["seq"]), []).append(Receipt(**values))
    return found


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
