"""Customers whose last connection is lost, and whether their backend knows that words wait for them.

A row begins with the loss and ends with the next connection, in the transactions of both (`store.connections`). So a return
cancels it, and messages cost nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Integer, String, bindparam, delete, select, update

from domain.conversation import INTERACTION_ENDED, State
from domain.feed import FeedEvent
from domain.participants import Role
from domain.transcript import ItemType
from store import schema
from store.database import Database
from store.feed_writes import lock_numbers, write_events
from store.transaction import Transaction

_absence, _item = schema.absences.c, schema.items.c
_customer, _conversation = schema.participants.c, schema.conversations.c

SPEAKERS = (Role.AGENT, Role.SUPERVISOR, Role.CUSTOM_BOT)
"""Whose messages wait for a customer. Automated messages do not."""

_PARTICIPANT = bindparam("participant_id", type_=String)
_AT = bindparam("at", type_=schema.Instant())
_BEGUN = ("participant_id", "conversation_id", "lost_at", "check_at")
_BEGIN = select(_customer.id, _customer.conversation_id, _AT, _AT).where(
    _customer.id == _PARTICIPANT, _customer.role == Role.CUSTOMER
)
_END = delete(schema.absences).where(_absence.participant_id == _PARTICIPANT)
_THIS = (_absence.participant_id == bindparam("of"), _absence.lost_at == bindparam("since"))
_WAITING = (
    _item.conversation_id == _absence.conversation_id,
    _item.at > _absence.lost_at,
    _item.role.in_(SPEAKERS),
    _item.type != ItemType.EVENT,
    _item.seq > _customer.read_seq,
)
_FIRST_WAITING = select(_item.at).where(*_WAITING).order_by(_item.at).limit(1).scalar_subquery()
_DUE = (
    select(
        *(_absence.participant_id, _absence.conversation_id, _absence.lost_at),
        *(_conversation.instance, _conversation.workstream, _conversation.state),
        _FIRST_WAITING,
    )
    .join_from(schema.absences, schema.conversations, _conversation.id == _absence.conversation_id)
    .join(schema.participants, _customer.id == _absence.participant_id)
    .where(_absence.check_at <= bindparam("now", type_=schema.Instant()))
    .order_by(_absence.check_at)
    .limit(bindparam("limit", type_=Integer))
)
_MESSAGE = (
    select(_item.id, _item.contact_id)
    .select_from(schema.absences)
    .join(schema.participants, _customer.id == _absence.participant_id)
    .join(schema.items, _WAITING[0])
    .where(_absence.participant_id == bindparam("of"), *_WAITING[1:])
    .order_by(_item.at)
    .limit(1)
)
_CHECK_LATER = update(schema.absences).where(*_THIS, _absence.check_at.is_not(None)).values(check_at=bindparam("then"))
_NOTE_TOLD = update(schema.absences).where(*_THIS, _absence.check_at.is_not(None)).values(check_at=None)
_FORGET = delete(schema.absences).where(*_THIS)


class Absence(NamedTuple):
    """A customer without a connection.

    Attributes:
        lost_at: the loss of the last connection.
        waiting_since: when the first message came that waits for the customer; None when none does.
    """

    participant_id: str
    conversation_id: str
    lost_at: datetime
    instance: str
    workstream: str
    state: State
    waiting_since: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether the customer cannot return to the chat."""
        return self.state in INTERACTION_ENDED


class WaitingMessage(NamedTuple):
    """The first message that waits for a customer."""

    id: str
    contact_id: str


async def begin_absence(db: Database, connection: Transaction, participant_id: str, at: datetime) -> None:
    """Note the loss of a participant's last connection. Idempotent. Does nothing for others than customers."""
    begun = db.insert_new_from(schema.absences, _BEGUN, _BEGIN)
    await connection.execute(begun, {"participant_id": participant_id, "at": at})


async def end_absence(connection: Transaction, participant_id: str) -> None:
    """Note that a participant is connected. Idempotent."""
    await connection.execute(_END, {"participant_id": participant_id})


async def due_absences(db: Database, now: datetime, limit: int) -> list[Absence]:
    """The next absences to look at, at most `limit`. None comes again after `check_later`, `tell` or `forget`."""
    rows = await db.rows(_DUE, {"now": now, "limit": limit})
    return [
        Absence(participant, chat, lost_at, instance, workstream, State(state), waiting_since)
        for participant, chat, lost_at, instance, workstream, state, waiting_since in rows
    ]


async def check_later(db: Database, absences: Collection[tuple[Absence, datetime]]) -> None:
    """Have absences looked at again, each at an instant."""
    if absences:
        async with db.write() as connection:
            await connection.execute(_CHECK_LATER, [{**_key(absence), "then": at} for absence, at in absences])


async def forget(db: Database, absences: Iterable[Absence]) -> None:
    """Forget absences from chats to which nobody can return."""
    if keys := [_key(absence) for absence in absences]:
        async with db.write() as connection:
            await connection.execute(_FORGET, keys)


async def waiting_message(db: Database, absence: Absence) -> WaitingMessage | None:
    """The first message that waits for a customer; None when none does, or when the customer is back."""
    rows = await db.rows(_MESSAGE, {"of": absence.participant_id})
    return WaitingMessage(*rows[0]) if rows else None


async def tell(db: Database, absence: Absence, event: FeedEvent) -> bool:
    """Write the event of an absence, once. Locks the checkpoint, then the absence.

    Returns:
        False when the customer is back, or somebody has told it already. Then nothing is written.
    """
    async with db.write() as connection:
        await lock_numbers(connection, absence.conversation_id)
        if not (await connection.execute(_NOTE_TOLD, _key(absence))).rowcount:
            return False
        await write_events(db, connection, [(absence.conversation_id, [event])])
    return True


def _key(absence: Absence) -> dict[str, object]:
    return {"of": absence.participant_id, "since": absence.lost_at}
