"""The place of one contact in its queue, which a backend sets: a priority in place of its workstream's, and an adjusted wait."""

from __future__ import annotations

from sqlalchemy import select, update

from routing.rows import queued_since
from store import schema
from store.database import Database

MAX_PRIORITY = 2**31 - 1
"""The last priority that the store can hold. Greater ones count as this one."""

_routing = schema.routing.c


async def set_priority(db: Database, conversation_id: str, contact_id: str, priority: int) -> tuple[str, str] | None:
    """Set the priority of a contact until another contact follows it. A lower number goes first.

    Returns:
        Its instance and queue; None when the contact has no place in routing.
    """
    number = min(priority, MAX_PRIORITY)
    change = (
        update(schema.routing)
        .where(_routing.conversation_id == conversation_id, _routing.contact_id == contact_id)
        .values(priority=number, set_priority=number)
        .returning(_routing.instance, _routing.queue)
    )
    async with db.write() as connection:
        row = (await connection.execute(change)).one_or_none()
    return None if row is None else (row[0], row[1])


async def adjust_wait(db: Database, conversation_id: str, contact_id: str, seconds: int) -> tuple[str, str] | None:
    """Give a contact the place in its queue that it had if it had waited so much longer, until another contact follows it.

    The adjustment replaces an earlier one. Metrics know the wait as it was.

    Args:
        seconds: how much longer; a negative number: how much shorter.

    Returns:
        Its instance and queue; None when the contact has no place in routing.
    """
    async with db.write() as connection:
        this = (_routing.conversation_id == conversation_id, _routing.contact_id == contact_id)
        query = select(_routing.enqueued_at, _routing.instance, _routing.queue).where(*this).with_for_update()
        row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        values = {"time_adjustment": seconds, "queued_since": queued_since(row.enqueued_at, seconds)}
        await connection.execute(update(schema.routing).where(*this).values(values))
    return row.instance, row.queue
