from __future__ import annotations

import asyncio

from sqlalchemy import select

from store import schema
from store.database import Database
from store.presence import (
    Connection,
    arrive,
    connections_to,
    depart,
    drop_dead_processes,
    forget,
    mark_told,
    orphans,
    renew_lease,
)
from tests.store.sample_records import after, count

PROCESSES = ("one", "two", "three")


async def connections(db: Database) -> list[tuple[str, str, float | None]]:
    """All connections: participant, process and the second of the departure, or None."""
    table = schema.connections.c
    query = select(table.participant_id, table.process_id, table.departed_at)
    async with db.read() as connection:
        rows = (await connection.execute(query)).all()
    return sorted((row[0], row[1], row[2] and (row[2] - after(0)).total_seconds()) for row in rows)


async def test_only_the_first_arrival_and_the_last_departure_are_reported(db: Database) -> None:
    assert await arrive(db, "ann", "c", "one") is True
    await mark_told(db, "ann", "one")
    assert await arrive(db, "ann", "c", "two") is False
    assert await depart(db, "ann", "one", after(1)) is False
    assert await connections(db) == [("ann", "two", None)]
    assert await arrive(db, "ann", "c", "three") is False
    assert await depart(db, "ann", "three", after(1)) is False
    assert await depart(db, "ann", "two", after(2)) is True


async def test_repeated_arrival_or_departure_changes_nothing(db: Database) -> None:
    await arrive(db, "ann", "c", "one")
    await mark_told(db, "ann", "one")
    assert await arrive(db, "ann", "c", "one") is False
    assert await connections(db) == [("ann", "one", None)]
    assert await depart(db, "ann", "one", after(1)) is True
    assert await depart(db, "ann", "one", after(2)) is False
    assert await connections(db) == [("ann", "one", 1)]


async def test_arrival_is_reported_until_it_is_acknowledged(db: Database) -> None:
    assert await arrive(db, "ann", "c", "one") is True
    assert await arrive(db, "ann", "c", "one") is True
    assert await arrive(db, "ann", "c", "two") is True
    assert await connections_to(db, "one") == [Connection("ann", "one", "c", None, False)]
    await mark_told(db, "ann", "two")
    assert await arrive(db, "ann", "c", "one") is False
    assert await connections_to(db, "one") == [Connection("ann", "one", "c", None, True)]


async def test_acknowledgement_from_before_a_departure_does_not_count_after_it(db: Database) -> None:
    await arrive(db, "ann", "c", "one")
    await mark_told(db, "ann", "one")
    await depart(db, "ann", "one", after(1))
    await mark_told(db, "ann", "one")
    assert await connections_to(db, "one") == []
    assert await arrive(db, "ann", "c", "one") is True


async def test_departure_from_a_process_with_a_valid_lease_is_ignored(db: Database) -> None:
    await arrive(db, "ann", "c", "one")
    await renew_lease(db, "one", after(10))
    assert await depart(db, "ann", "one", after(11), if_dead_since=after(10)) is False
    assert await connections(db) == [("ann", "one", None)]
    assert await depart(db, "ann", "one", after(11), if_dead_since=after(10.001)) is True


async def test_departure_without_an_arrival_changes_nothing(db: Database) -> None:
    await arrive(db, "bob", "c", "one")
    assert await depart(db, "ann", "one", after(1)) is False
    assert await depart(db, "bob", "two", after(1)) is False
    assert await connections(db) == [("bob", "one", None)]


async def test_connections_of_participants_are_independent(db: Database) -> None:
    await arrive(db, "ann", "c", "one")
    assert await arrive(db, "bob", "c", "one") is True
    assert await depart(db, "ann", "one", after(1)) is True
    await forget(db, "bob", after(1))
    assert await connections(db) == [("ann", "one", 1), ("bob", "one", None)]


async def test_departure_is_stored_until_it_is_forgotten(db: Database) -> None:
    await arrive(db, "ann", "c", "one")
    await depart(db, "ann", "one", after(1))
    assert await connections(db) == [("ann", "one", 1)]
    await forget(db, "ann", after(1))
    await forget(db, "ann", after(1))
    assert await connections(db) == []


async def test_forgetting_an_earlier_departure_keeps_a_later_one(db: Database) -> None:
    await arrive(db, "ann", "c", "one")
    await depart(db, "ann", "one", after(1))
    await arrive(db, "ann", "c", "one")
    await depart(db, "ann", "one", after(2))
    await forget(db, "ann", after(1))
    assert await connections(db) == [("ann", "one", 2)]


async def test_return_before_the_departure_is_reported_is_a_new_arrival(db: Database) -> None:
    await arrive(db, "ann", "c", "one")
    await depart(db, "ann", "one", after(1))
    assert await arrive(db, "ann", "c", "two") is True
    await forget(db, "ann", after(1))
    assert await connections(db) == [("ann", "two", None)]


async def test_return_to_the_same_process_restores_the_connection(db: Database) -> None:
    await arrive(db, "ann", "c", "one")
    await depart(db, "ann", "one", after(1))
    assert await arrive(db, "ann", "c", "one") is True
    assert await connections(db) == [("ann", "one", None)]


async def test_concurrent_departures_have_exactly_one_last(db: Database, url: str) -> None:
    other = Database.open(url)
    for round in range(10):
        participant_id = f"p{round}"
        await asyncio.gather(
            *(arrive((db, other)[n % 2], participant_id, "c", process) for n, process in enumerate(PROCESSES))
        )
        last = await asyncio.gather(
            *(depart((db, other)[n % 2], participant_id, process, after(1)) for n, process in enumerate(PROCESSES))
        )
        assert sorted(last) == [False, False, True]
    await other.close()


async def test_move_to_another_process_reports_both_departure_and_arrival_or_neither(db: Database, url: str) -> None:
    other = Database.open(url)
    for round in range(10):
        participant_id = f"p{round}"
        await arrive(db, participant_id, "c", "one")
        await mark_told(db, participant_id, "one")
        departed, arrived = await asyncio.gather(
            depart(db, participant_id, "one", after(1)), arrive(other, participant_id, "c", "two")
        )
        assert departed is arrived
        assert (participant_id, "two", None) in await connections(db)
    await other.close()


async def test_concurrent_departures_of_one_connection_count_once(db: Database) -> None:
    await arrive(db, "ann", "c", "dead")
    found = await asyncio.gather(*(depart(db, "ann", "dead", after(n)) for n in range(10)))
    assert sum(found) == 1


async def test_connections_to_a_live_process_are_not_orphans(db: Database) -> None:
    await arrive(db, "ann", "c", "one")
    await renew_lease(db, "one", after(10))
    assert await orphans(db, after(9.999)) == []
    assert await orphans(db, after(10)) == []


async def test_connections_to_a_process_with_an_expired_lease_are_orphans(db: Database) -> None:
    await arrive(db, "ann", "c", "one")
    await arrive(db, "ann", "c", "two")
    await arrive(db, "bob", "d", "one")
    await arrive(db, "eve", "e", "never leased")
    await renew_lease(db, "one", after(10))
    await renew_lease(db, "two", after(20))
    assert sorted(await orphans(db, after(10.001))) == [
        Connection("ann", "one", "c", None, False),
        Connection("bob", "one", "d", None, False),
        Connection("eve", "never leased", "e", None, False),
    ]


async def test_renewal_replaces_the_lease(db: Database) -> None:
    await arrive(db, "ann", "c", "one")
    await renew_lease(db, "one", after(10))
    await renew_lease(db, "one", after(20))
    assert await orphans(db, after(15)) == []
    await renew_lease(db, "one", after(1))
    assert await orphans(db, after(15)) == [Connection("ann", "one", "c", None, False)]
    assert await count(db, "processes") == 1


async def test_unreported_departure_becomes_an_orphan(db: Database) -> None:
    await renew_lease(db, "one", after(100))
    await arrive(db, "ann", "c", "one")
    await depart(db, "ann", "one", after(5))
    assert await orphans(db, after(5)) == []
    assert await orphans(db, after(5.001)) == [Connection("ann", "one", "c", after(5), False)]
    await forget(db, "ann", after(5))
    assert await orphans(db, after(6)) == []


async def test_orphans_are_returned_in_portions(db: Database) -> None:
    for n in range(5):
        await arrive(db, f"p{n}", "c", "one")
    found: list[str] = []
    while portion := await orphans(db, after(0), limit=2):
        assert len(portion) <= 2
        for orphan in portion:
            found.append(orphan.participant_id)
            assert await depart(db, orphan.participant_id, orphan.process_id, after(0)) is True
            await forget(db, orphan.participant_id, after(0))
    assert sorted(found) == [f"p{n}" for n in range(5)]


async def test_dead_processes_without_connections_are_dropped(db: Database) -> None:
    await renew_lease(db, "dead", after(1))
    await renew_lease(db, "dead but used", after(1))
    await renew_lease(db, "alive", after(10))
    await arrive(db, "ann", "c", "dead but used")
    await drop_dead_processes(db, after(10))
    async with db.read() as connection:
        names = (await connection.execute(select(schema.processes.c.id))).scalars().all()
    assert sorted(names) == ["alive", "dead but used"]


async def test_concurrent_lease_renewals_all_succeed(db: Database, url: str) -> None:
    other = Database.open(url)
    await asyncio.gather(*(renew_lease((db, other)[n % 2], f"process-{n % 6}", after(n)) for n in range(30)))
    await other.close()
    assert await count(db, "processes") == 6
