"""Connections of participants to processes in the store, and the leases of processes."""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from store import schema
from store.connections import (
    STREAMING,
    Connection,
    add_connection,
    connections_of,
    connections_of_dead_processes,
    delete_dead_processes,
    mark_connect_reported,
    mark_connection_lost,
    remove_disconnected,
    set_lease_end,
)
from store.database import Database
from tests.store.sample_records import after, count

PROCESSES = ("one", "two", "three")


async def connections(db: Database) -> list[tuple[str, str, float | None]]:
    """Participants, their processes, and the second of the disconnect or None."""
    table = schema.connections.c
    query = select(table.participant_id, table.process_id, table.disconnected_at)
    async with db.read() as connection:
        rows = (await connection.execute(query)).all()
    return sorted((row[0], row[1], row[2] and (row[2] - after(0)).total_seconds()) for row in rows)


async def test_only_the_first_connect_and_the_last_disconnect_are_reported(db: Database) -> None:
    assert await add_connection(db, "ann", "c", "one") is True
    await mark_connect_reported(db, "ann", "one")
    assert await add_connection(db, "ann", "c", "two") is False
    assert await mark_connection_lost(db, "ann", "one", after(1)) is False
    assert await connections(db) == [("ann", "two", None)]
    assert await add_connection(db, "ann", "c", "three") is False
    assert await mark_connection_lost(db, "ann", "three", after(1)) is False
    assert await mark_connection_lost(db, "ann", "two", after(2)) is True


async def test_repeated_connect_or_disconnect_changes_nothing(db: Database) -> None:
    await add_connection(db, "ann", "c", "one")
    await mark_connect_reported(db, "ann", "one")
    assert await add_connection(db, "ann", "c", "one") is False
    assert await connections(db) == [("ann", "one", None)]
    assert await mark_connection_lost(db, "ann", "one", after(1)) is True
    assert await mark_connection_lost(db, "ann", "one", after(2)) is False
    assert await connections(db) == [("ann", "one", 1)]


async def test_connect_must_be_reported_until_it_is_marked_as_reported(db: Database) -> None:
    assert await add_connection(db, "ann", "c", "one") is True
    assert await add_connection(db, "ann", "c", "one") is True
    assert await add_connection(db, "ann", "c", "two") is True
    assert await connections_of(db, "one") == [Connection("ann", "one", "c", None, False)]
    await mark_connect_reported(db, "ann", "two")
    assert await add_connection(db, "ann", "c", "one") is False
    assert await connections_of(db, "one") == [Connection("ann", "one", "c", None, True)]


async def test_report_from_before_a_disconnect_does_not_count_after_it(db: Database) -> None:
    await add_connection(db, "ann", "c", "one")
    await mark_connect_reported(db, "ann", "one")
    await mark_connection_lost(db, "ann", "one", after(1))
    await mark_connect_reported(db, "ann", "one")
    assert await connections_of(db, "one") == []
    assert await add_connection(db, "ann", "c", "one") is True


async def test_process_with_a_valid_lease_keeps_its_connections(db: Database) -> None:
    await add_connection(db, "ann", "c", "one")
    await set_lease_end(db, "one", after(10))
    assert await mark_connection_lost(db, "ann", "one", after(11), if_dead_since=after(10)) is False
    assert await connections(db) == [("ann", "one", None)]
    assert await mark_connection_lost(db, "ann", "one", after(11), if_dead_since=after(10.001)) is True


async def test_participant_without_a_connection_cannot_disconnect(db: Database) -> None:
    await add_connection(db, "bob", "c", "one")
    assert await mark_connection_lost(db, "ann", "one", after(1)) is False
    assert await mark_connection_lost(db, "bob", "two", after(1)) is False
    assert await connections(db) == [("bob", "one", None)]


async def test_participants_connect_and_disconnect_independently(db: Database) -> None:
    await add_connection(db, "ann", "c", "one")
    assert await add_connection(db, "bob", "c", "one") is True
    assert await mark_connection_lost(db, "ann", "one", after(1)) is True
    await remove_disconnected(db, "bob", after(1))
    assert await connections(db) == [("ann", "one", 1), ("bob", "one", None)]


async def test_disconnect_stays_on_record_until_it_is_removed(db: Database) -> None:
    await add_connection(db, "ann", "c", "one")
    await mark_connection_lost(db, "ann", "one", after(1))
    assert await connections(db) == [("ann", "one", 1)]
    await remove_disconnected(db, "ann", after(1))
    await remove_disconnected(db, "ann", after(1))
    assert await connections(db) == []


async def test_later_disconnect_is_not_removed_with_an_earlier_one(db: Database) -> None:
    await add_connection(db, "ann", "c", "one")
    await mark_connection_lost(db, "ann", "one", after(1))
    await add_connection(db, "ann", "c", "one")
    await mark_connection_lost(db, "ann", "one", after(2))
    await remove_disconnected(db, "ann", after(1))
    assert await connections(db) == [("ann", "one", 2)]


async def test_participant_who_reconnects_before_the_report_connects_anew(db: Database) -> None:
    await add_connection(db, "ann", "c", "one")
    await mark_connection_lost(db, "ann", "one", after(1))
    assert await add_connection(db, "ann", "c", "two") is True
    await remove_disconnected(db, "ann", after(1))
    assert await connections(db) == [("ann", "two", None)]


async def test_participant_who_reconnects_to_the_same_process_is_connected(db: Database) -> None:
    await add_connection(db, "ann", "c", "one")
    await mark_connection_lost(db, "ann", "one", after(1))
    assert await add_connection(db, "ann", "c", "one") is True
    assert await connections(db) == [("ann", "one", None)]


async def test_one_of_several_concurrent_disconnects_is_the_last(db: Database, url: str) -> None:
    other = Database.open(url)
    for round in range(10):
        who = f"p{round}"
        await asyncio.gather(
            *(add_connection((db, other)[n % 2], who, "c", process) for n, process in enumerate(PROCESSES))
        )
        last = await asyncio.gather(
            *(mark_connection_lost((db, other)[n % 2], who, process, after(1)) for n, process in enumerate(PROCESSES))
        )
        assert sorted(last) == [False, False, True]
    await other.close()


async def test_move_to_another_process_is_a_reconnect_or_no_change(db: Database, url: str) -> None:
    other = Database.open(url)
    for round in range(10):
        who = f"p{round}"
        await add_connection(db, who, "c", "one")
        await mark_connect_reported(db, who, "one")
        departed, arrived = await asyncio.gather(
            mark_connection_lost(db, who, "one", after(1)), add_connection(other, who, "c", "two")
        )
        assert departed is arrived
        assert (who, "two", None) in await connections(db)
    await other.close()


async def test_disconnect_found_by_many_processes_is_reported_once(db: Database) -> None:
    await add_connection(db, "ann", "c", "dead")
    found = await asyncio.gather(*(mark_connection_lost(db, "ann", "dead", after(n)) for n in range(10)))
    assert sum(found) == 1


async def test_connections_to_a_living_process_are_not_orphans(db: Database) -> None:
    await add_connection(db, "ann", "c", "one")
    await set_lease_end(db, "one", after(10))
    assert await connections_of_dead_processes(db, after(9.999)) == []
    assert await connections_of_dead_processes(db, after(10)) == []


async def test_connections_to_a_process_with_an_expired_lease_are_orphans(db: Database) -> None:
    await add_connection(db, "ann", "c", "one")
    await add_connection(db, "ann", "c", "two")
    await add_connection(db, "bob", "d", "one")
    await add_connection(db, "eve", "e", "never leased")
    await set_lease_end(db, "one", after(10))
    await set_lease_end(db, "two", after(20))
    assert sorted(await connections_of_dead_processes(db, after(10.001))) == [
        Connection("ann", "one", "c", None, False),
        Connection("bob", "one", "d", None, False),
        Connection("eve", "never leased", "e", None, False),
    ]


async def test_renewed_lease_replaces_the_earlier_one(db: Database) -> None:
    await add_connection(db, "ann", "c", "one")
    await set_lease_end(db, "one", after(10))
    await set_lease_end(db, "one", after(20))
    assert await connections_of_dead_processes(db, after(15)) == []
    await set_lease_end(db, "one", after(1))
    assert await connections_of_dead_processes(db, after(15)) == [Connection("ann", "one", "c", None, False)]
    assert await count(db, "processes") == 1


async def test_unreported_disconnect_becomes_an_orphan(db: Database) -> None:
    await set_lease_end(db, "one", after(100))
    await add_connection(db, "ann", "c", "one")
    await mark_connection_lost(db, "ann", "one", after(5))
    assert await connections_of_dead_processes(db, after(5)) == []
    assert await connections_of_dead_processes(db, after(5.001)) == [Connection("ann", "one", "c", after(5), False)]
    await remove_disconnected(db, "ann", after(5))
    assert await connections_of_dead_processes(db, after(6)) == []


async def test_orphans_are_returned_up_to_a_limit(db: Database) -> None:
    for n in range(5):
        await add_connection(db, f"p{n}", "c", "one")
    found: list[str] = []
    while portion := await connections_of_dead_processes(db, after(0), limit=2):
        assert len(portion) <= 2
        for connection in portion:
            found.append(connection.participant_id)
            assert await mark_connection_lost(db, connection.participant_id, connection.process_id, after(0)) is True
            await remove_disconnected(db, connection.participant_id, after(0))
    assert sorted(found) == [f"p{n}" for n in range(5)]


async def test_connection_by_message_streaming_dies_with_no_process(db: Database) -> None:
    await add_connection(db, "ann", "c", STREAMING)
    await mark_connect_reported(db, "ann", STREAMING)
    assert await connections_of_dead_processes(db, after(10)) == []
    assert await mark_connection_lost(db, "ann", STREAMING, after(1)) is True
    assert [found.process_id for found in await connections_of_dead_processes(db, after(10))] == [STREAMING]


async def test_dead_processes_are_deleted_when_they_have_no_connections(db: Database) -> None:
    await set_lease_end(db, "dead", after(1))
    await set_lease_end(db, "dead but used", after(1))
    await set_lease_end(db, "alive", after(10))
    await add_connection(db, "ann", "c", "dead but used")
    await delete_dead_processes(db, after(10))
    async with db.read() as connection:
        names = (await connection.execute(select(schema.processes.c.id))).scalars().all()
    assert sorted(names) == ["alive", "dead but used"]


async def test_concurrent_renewals_of_leases_all_succeed(db: Database, url: str) -> None:
    other = Database.open(url)
    await asyncio.gather(*(set_lease_end((db, other)[n % 2], f"process-{n % 6}", after(n)) for n in range(30)))
    await other.close()
    assert await count(db, "processes") == 6
