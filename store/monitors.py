"""Supervisors who monitor a contact. Each is a participant, whom the conversation knows only once they have joined visibly.

A supervisor who monitors silently has a row of `participants` without `joined_at`, and needs no step of the conversation. The
write that ends the contact ends its monitors, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from sqlalchemy import delete, exists, func, select, update

from domain.contacts import InitiationMethod
from domain.participants import ParticipantPresence, Role
from store import schema
from store.database import Database
from store.transaction import Transaction

_monitors, _participants, _contacts = schema.monitors.c, schema.participants.c, schema.contacts.c
_connections = schema.connections.c


class Monitor(NamedTuple):
    """A supervisor who monitors a contact.

    Attributes:
        user: the supervisor.
        name: the name that all see once they join.
        may_barge: whether they may join.
    """

    participant_id: str
    conversation_id: str
    contact_id: str
    user: str
    name: str
    may_barge: bool


class Begun(Enum):
    """What became of a monitor that should begin."""

    NEW = "new"
    PRESENT = "present"
    """They monitor the contact already. What they may do is as in the last request."""
    ENDED = "ended"
    """The contact has ended, or is a survey."""
    TOO_MANY = "too many"


async def begin_monitor(transaction: Transaction, monitor: Monitor, most: int, now: datetime) -> Begun:
    """Let a supervisor monitor a contact. Locks the contact: a commit that ends it comes before, or ends the monitor.

    Args:
        most: how many may monitor a contact.
    """
    talk = (_contacts.ended_at.is_(None), _contacts.initiation_method != InitiationMethod.DISCONNECT)
    contact = select(_contacts.id).where(_contacts.id == monitor.contact_id, *talk).with_for_update()
    if (await transaction.execute(contact)).one_or_none() is None:
        return Begun.ENDED
    present = update(schema.monitors).where(
        _monitors.participant_id == monitor.participant_id, _monitors.contact_id == monitor.contact_id
    )
    if (await transaction.execute(present.values(may_barge=monitor.may_barge))).rowcount:
        return Begun.PRESENT
    count = select(func.count()).where(_monitors.conversation_id == monitor.conversation_id)
    if (await transaction.execute(count)).scalar_one() >= most:
        return Begun.TOO_MANY
    participant = {
        "id": monitor.participant_id,
        "conversation_id": monitor.conversation_id,
        "role": Role.SUPERVISOR,
        "name": monitor.name,
        "user": monitor.user,
        "presence": ParticipantPresence.AWAITED,
        "joined_at": None,
        "left_at": None,
    }
    known = update(schema.participants).where(_participants.id == monitor.participant_id)
    if not (await transaction.execute(known.values(participant))).rowcount:
        await transaction.execute(
            schema.participants.insert().values({**participant, "delivered_seq": 0, "read_seq": 0})
        )
    row = {
        "participant_id": monitor.participant_id,
        "conversation_id": monitor.conversation_id,
        "contact_id": monitor.contact_id,
        "may_barge": monitor.may_barge,
        "lost_at": now,
    }
    await transaction.execute(schema.monitors.insert().values(row))
    return Begun.NEW


async def find_monitor(db: Database, conversation_id: str, user: str) -> Monitor | None:
    """What a supervisor monitors in a conversation; None when they do not."""
    columns = (_monitors.participant_id, _monitors.conversation_id, _monitors.contact_id)
    query = (
        select(*columns, _participants.user, _participants.name, _monitors.may_barge)
        .join(schema.participants, _participants.id == _monitors.participant_id)
        .where(_monitors.conversation_id == conversation_id, _participants.user == user)
    )
    found = (await db.rows(query))[:1]
    return Monitor(*found[0]) if found else None


async def end_monitor(db: Database, participant_id: str, now: datetime) -> None:
    """End the monitor of a supervisor. Idempotent."""
    async with db.write() as transaction:
        await _end(transaction, [participant_id], now)


async def end_monitors_of_contact(
    transaction: Transaction, conversation_id: str, contact_id: str, at: datetime
) -> None:
    """End all monitors of a contact, within the transaction that writes its end."""
    found = select(_monitors.participant_id).where(_monitors.conversation_id == conversation_id)
    ending = await transaction.execute(found.where(_monitors.contact_id == contact_id))
    if ids := ending.scalars().all():
        await _end(transaction, ids, at)


async def note_monitor_connected(db: Database, participant_id: str) -> None:
    """Record that a supervisor is connected."""
    is_lost = (_monitors.participant_id == participant_id, _monitors.lost_at.is_not(None))
    async with db.write() as transaction:
        await transaction.execute(update(schema.monitors).where(*is_lost).values(lost_at=None))


async def note_monitor_lost(db: Database, participant_id: str, at: datetime) -> None:
    """Record that a supervisor has lost their last connection, unless they have another one by now."""
    is_connected = exists().where(_connections.participant_id == participant_id, _connections.disconnected_at.is_(None))
    this = (_monitors.participant_id == participant_id, ~is_connected)
    async with db.write() as transaction:
        await transaction.execute(update(schema.monitors).where(*this).values(lost_at=at))


async def monitors_lost_before(db: Database, before: datetime, limit: int = 100) -> list[tuple[str, str]]:
    """Supervisors who have had no connection since before an instant: the ids of participant and conversation."""
    query = select(_monitors.participant_id, _monitors.conversation_id).where(_monitors.lost_at < before).limit(limit)
    return [(participant, conversation) for participant, conversation in await db.rows(query)]


async def monitors_after(db: Database, participant_id: str, limit: int) -> list[tuple[Monitor, str]]:
    """The next monitors after that of a participant, in the order of their ids, each with its instance. Empty: from the first."""
    columns = (_monitors.participant_id, _monitors.conversation_id, _monitors.contact_id)
    query = (
        select(*columns, _participants.user, _participants.name, _monitors.may_barge, schema.conversations.c.instance)
        .join(schema.participants, _participants.id == _monitors.participant_id)
        .join(schema.conversations, schema.conversations.c.id == _monitors.conversation_id)
        .where(_monitors.participant_id > participant_id)
        .order_by(_monitors.participant_id)
        .limit(limit)
    )
    return [(Monitor(*values), instance) for *values, instance in await db.rows(query)]


async def _end(transaction: Transaction, participant_ids: Sequence[str], at: datetime) -> None:
    # participants first, as in commits
    present = update(schema.participants).where(_participants.id.in_(participant_ids), _participants.left_at.is_(None))
    await transaction.execute(present.values(left_at=at))
    await transaction.execute(delete(schema.monitors).where(_monitors.participant_id.in_(participant_ids)))
