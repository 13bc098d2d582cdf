"""The lease of an instance: which process serves its queues. It saves work, and correctness does not depend on it.

Several processes may hold the same lease for a moment, for example when their clocks differ. The locks of routing keep that
harmless.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, or_, select, update

from store import schema
from store.database import Database

_leases = schema.routing_leases.c


class Lease(NamedTuple):
    """A lease: the process that holds it, and until when."""

    process_id: str
    until: datetime


async def leases(db: Database) -> dict[str, Lease]:
    """The leases by instance, also those that have expired. An instance that no process ever served is missing."""
    rows = await db.rows(select(_leases.instance, _leases.process_id, _leases.lease_until))
    return {instance: Lease(process_id, until) for instance, process_id, until in rows}


async def take_lease(db: Database, instance: str, lease: Lease, now: datetime) -> bool:
    """Takes the lease of an instance, or renews it.

    Returns:
        False, and nothing is written, when another process holds it at `now`.
    """
    values = {"process_id": lease.process_id, "lease_until": lease.until}
    is_free = or_(_leases.process_id == lease.process_id, _leases.lease_until <= now)
    change = update(schema.routing_leases).where(_leases.instance == instance, is_free).values(values)
    async with db.write() as connection:
        if (await connection.execute(change)).rowcount:
            return True
        return bool(await db.insert_new(connection, schema.routing_leases, [{"instance": instance, **values}]))


async def end_leases(db: Database, process_id: str, now: datetime) -> bool:
    """Ends the leases of a process at an instant, so that other processes can take them. Returns whether it had any."""
    is_valid = and_(_leases.process_id == process_id, _leases.lease_until > now)
    async with db.write() as connection:
        ended = await connection.execute(update(schema.routing_leases).where(is_valid).values(lease_until=now))
    return bool(ended.rowcount)
