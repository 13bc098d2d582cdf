"""Many workers in several processes share routing. Some checks run all the time, others once all processes have ended."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from domain.routing import Offer, RoutingStage
from routing import placement as placement_writes
from routing.offers import claim_offer, offer_next, undelivered_offers
from routing.placement import write_placement
from routing.selection import QueueView
from store.database import Database
from tests.postgres import waits_for_a_lock
from tests.routing.reference_model import ReferenceRouting, read_reference
from tests.routing.routing_process import QUEUES, RULES, USERS, now
from tests.routing.routing_records import agent, load_by_agent, placement, put, staff
from tests.stack import ROOT
from tests.store.sample_records import INSTANCE, START, after

pytestmark = pytest.mark.slow

Check = Callable[[ReferenceRouting, datetime], None]


async def worker(*args: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.routing.routing_process", *args, cwd=ROOT, stdin=PIPE, stdout=PIPE
    )


async def assert_finished(*workers: Process) -> None:
    for process in workers:
        _, _ = await process.communicate()
        assert process.returncode == 0


@asynccontextmanager
async def checked_continuously(db: Database, *checks: Check) -> AsyncGenerator[None]:
    """Run the checks again and again while the block runs."""
    rounds = 0

    async def check_repeatedly() -> None:
        nonlocal rounds
        while True:
            routing, rounds = await read_reference(db), rounds + 1
            for check in checks:
                check(routing, now())

    checking = asyncio.create_task(check_repeatedly())
    yield
    checking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await checking
    assert rounds > 10


def assert_no_agent_over_capacity(routing: ReferenceRouting, at: datetime) -> None:
    for user, reference_agent in routing.agents.items():
        assert routing.load(user, at) <= reference_agent.capacity, user


def assert_queue_order(routing: ReferenceRouting, _: datetime) -> None:
    """No contact waits while a later one of its queue is offered or assigned. Assumes contacts of equal rank and kind."""
    for queue in QUEUES:
        contacts = [contact for contact in routing.contacts.values() if contact.queue == queue]
        taken = [contact.rank for contact in contacts if contact.offered_to or contact.stage is not RoutingStage.QUEUED]
        waiting = [contact.rank for contact in routing.waiting(queue)]
        assert not taken or not waiting or max(taken) < min(waiting)


async def make_all_offers(db: Database, at: datetime) -> None:
    for queue in QUEUES:
        while await offer_next(db, INSTANCE, queue, RULES, at):
            pass


async def assert_nothing_left_to_offer(db: Database, at: datetime) -> None:
    routing = await read_reference(db)
    assert_no_agent_over_capacity(routing, at)
    assert await load_by_agent(db, INSTANCE, USERS, at) == {user: routing.load(user, at) for user in USERS}
    assert [routing.next_offer(queue, RULES, at) for queue in QUEUES] == [None] * len(QUEUES)


async def test_concurrent_workers_never_exceed_capacity_and_leave_nothing_to_offer(db: Database, url: str) -> None:
    await staff(db, *(agent(user, 1 + n % 3, *QUEUES[: 1 + n % 3]) for n, user in enumerate(USERS)))
    async with checked_continuously(db, assert_no_agent_over_capacity):
        await assert_finished(*[await worker("run-workers", url, name, "60") for name in ("x", "y", "z")])
    at = now()
    await make_all_offers(db, at)
    await assert_nothing_left_to_offer(db, at)
    assert (await read_reference(db)).contacts


async def test_concurrent_processes_drain_every_queue_in_order(db: Database, url: str) -> None:
    await staff(db, *(agent(user, 2, *QUEUES) for user in USERS))
    for n in range(40):
        for queue in QUEUES:
            await put(db, placement(f"{queue}{n:02}", queue=queue, enqueued_at=START + timedelta(seconds=n)))
    async with checked_continuously(db, assert_no_agent_over_capacity, assert_queue_order):
        await assert_finished(*[await worker("drain", url, queue) for queue in (*QUEUES, *QUEUES[:1])])
    at = now()
    await make_all_offers(db, at)
    await assert_nothing_left_to_offer(db, at)


async def test_concurrent_offers_go_to_different_contacts_in_queue_order(db: Database, url: str) -> None:
    pools = [Database.open(url, pool_size=3) for _ in range(4)]
    await staff(db, *(agent(user, 3, *QUEUES) for user in USERS))
    for n in range(40):
        await put(db, placement(f"c{n:02}", queue=QUEUES[n % 2], enqueued_at=after(n)))
    calls = (offer_next(pools[n % 4], INSTANCE, QUEUES[n % 2], RULES, after(60)) for n in range(36))
    offers = [offer for offer in await asyncio.gather(*calls) if offer]
    await asyncio.gather(*(pool.close() for pool in pools))
    assert len(offers) == 24
    assert len({offer.conversation_id for offer in offers}) == 24
    routing = await read_reference(db)
    assert_no_agent_over_capacity(routing, after(60))
    assert_queue_order(routing, after(60))


async def test_offers_that_compete_for_an_agent_select_at_most_twice(db: Database) -> None:
    queues = [f"q{n}" for n in range(8)]
    await staff(db, agent("ann", len(queues), *queues))
    for queue in queues:
        await put(db, placement(f"of {queue}", queue=queue))
    selections: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if "available" in statement and "SKIP LOCKED" not in statement:
            selections.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    offers = await asyncio.gather(*(offer_next(db, INSTANCE, queue, RULES, START) for queue in queues))
    event.remove(db.engine, "before_cursor_execute", note)
    assert all(offers)
    assert len(selections) <= 2 * len(queues)


async def test_concurrent_offer_and_assignment_do_not_deadlock(db: Database, url: str) -> None:
    other_db = Database.open(url)
    await staff(db, agent("ann", 100, *QUEUES))
    for n in range(20):
        queued = placement(f"c{n}", queue=QUEUES[0])
        await put(db, queued)
        assigned = placement(f"c{n}", revision=2, queue=QUEUES[0], stage=RoutingStage.WORKING, agent="ann")
        await asyncio.gather(put(db, assigned), offer_next(other_db, INSTANCE, QUEUES[0], RULES, START))
    assert await load_by_agent(db, INSTANCE, ["ann"], START) == {"ann": 20}
    await other_db.close()


async def test_agent_who_gets_an_offer_before_the_lock_is_locked_too(
    db: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a claim, which locks the agent before the row, and the end of the conversation deadlock."""
    if not db.is_postgres:
        return  # SQLite runs one write at a time
    other_db = Database.open(url)
    await staff(db, agent("ann", 2, *QUEUES))
    await put(db, placement("c", queue=QUEUES[0]))
    lock, claims = placement_writes.lock_agents_and_row, list[asyncio.Task[object]]()

    async def lock_after_an_offer(*arguments: Any) -> Any:
        if not claims:
            assert await offer_next(other_db, INSTANCE, QUEUES[0], RULES, START)
        row = await lock(*arguments)
        if not claims:
            claims.append(asyncio.create_task(claim_offer(other_db, "c", "ann", START)))
            while not await waits_for_a_lock(other_db):
                await asyncio.sleep(0.01)
        return row

    monkeypatch.setattr(placement_writes, "lock_agents_and_row", lock_after_an_offer)
    await put(db, placement("c", queue=QUEUES[0], revision=2, stage=RoutingStage.OFF))
    assert isinstance(await claims[0], Offer)
    assert await load_by_agent(db, INSTANCE, ["ann"], START) == {"ann": 0}
    await other_db.close()


async def test_offers_from_one_queue_are_made_one_at_a_time(db: Database, url: str) -> None:
    await staff(db, agent("ann", 9, *QUEUES))
    for queue in QUEUES[:2]:
        await put(db, placement(queue, queue=queue))
    other_db = Database.open(url)
    async with db.write() as connection:
        await db.take_advisory_lock(connection, QueueView(INSTANCE, QUEUES[0], {}, START).offer_lock)
        calls = [asyncio.create_task(offer_next(other_db, INSTANCE, queue, RULES, START)) for queue in QUEUES[:2]]
        done, _ = await asyncio.wait(calls, timeout=1)
    assert calls[0] not in done
    assert (calls[1] in done) is db.is_postgres
    assert all(await asyncio.gather(*calls))
    await other_db.close()


async def test_killed_process_leaves_no_partial_offers(db: Database, url: str) -> None:
    await staff(db, *(agent(user, 200, *QUEUES) for user in USERS))
    async with db.write(limited=False) as connection:
        for n in range(1_000):
            contact = placement(f"c{n:03}", queue=QUEUES[n % 2], enqueued_at=after(n))
            await write_placement(db, connection, contact, START)
    marked: set[str] = set()
    for round in range(2):
        workers = [await worker("offer", url, queue) for queue in QUEUES[:2]]
        marked |= await kill_after(3 + round, *workers)
        routing, not_marked = (
            await read_reference(db),
            await undelivered_offers(db, now() + timedelta(days=1), limit=1_000),
        )
        assert_no_agent_over_capacity(routing, now())
        assert_queue_order(routing, now())
        offered = {contact.id for contact in routing.contacts.values() if contact.offered_to}
        assert not marked & {offer.id for offer in not_marked}
        # a worker can mark an offer and be killed before it prints the id
        assert len(offered) - len(marked) - 2 * (round + 1) <= len(not_marked) <= len(offered) - len(marked)
        async with asyncio.timeout(5):
            assert await offer_next(db, INSTANCE, QUEUES[round], RULES, now())


async def kill_after(count: int, *workers: Process) -> set[str]:
    """Kill workers once each has printed `count` lines. Return all lines that they printed."""
    for process in workers:
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
    lines: set[str] = set()
    for process in workers:
        assert process.stdin
        process.stdin.write(b"go\n")
    for process in workers:
        assert process.stdout
        lines |= {(await process.stdout.readline()).decode().strip() for _ in range(count)}
    for process in workers:
        process.kill()
    for process in workers:
        rest, _ = await process.communicate()
        lines |= set(rest.decode().split())
    return lines
