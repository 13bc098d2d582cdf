"""The lease of an instance: which process serves its queues. It saves work, and correctness does not depend on it.

Several processes may hold the same lease for a moment, for example when their clocks differ. The locks of routing keep that
harmless.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, exists, or_, select, update

from store import schema
from store.database import Database
from store.transaction import Transaction

_leases = schema.routing_leases.c


class Lease(NamedTuple):
    """A lease of an instance.

    Attributes:
        process_id: the process that holds it.
        until: when it ends.
        started_at: when the process started.
        file: the fingerprint of the instance in the configuration file of the process.
    """

    process_id: str
    until: datetime
    started_at: datetime
    file: str

    def yields_to(self, other: Lease) -> bool:
        """Whether another process may take it before it ends: it started later, with another file."""
        return self.file != other.file and self.started_at < other.started_at


async def leases(db: Database) -> dict[str, Lease]:
    """The leases by instance, also those that have expired. An instance that no process ever served is missing."""
    columns = (_leases.process_id, _leases.lease_until, _leases.started_at, _leases.file)
    rows = await db.rows(select(_leases.instance, *columns))
    return {instance: Lease(*lease) for instance, *lease in rows}


async def holds_lease(transaction: Transaction, instance: str, process_id: str) -> bool:
    """Whether a process has the lease of an instance, and no other has taken it since."""
    held = exists().where(_leases.instance == instance, _leases.process_id == process_id)
    return bool((await transaction.execute(select(held))).scalar_one())


async def take_lease(db: Database, instance: str, lease: Lease, now: datetime) -> bool:
    """Takes the lease of an instance, or renews it.

    Returns:
        False, and nothing is written, when another process holds it at `now` and it does not yield.
    """
    values = {
        "process_id": lease.process_id,
        "lease_until": lease.until,
        "started_at": lease.started_at,
        "file": lease.file,
    }
    yields = and_(_leases.file != lease.file, _leases.started_at < lease.started_at)
    is_free = or_(_leases.process_id == lease.process_id, _leases.lease_until <= now, yields)
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
