"""The priority of one contact, which a backend sets in place of its workstream's."""

from __future__ import annotations

from sqlalchemy import update

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
