"""Many workers in several processes at one board: what holds at every moment, and what holds once all is quiet."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from store.board import placing
from store.board.offers import claim, offer_next, untold
from store.board.placing import place
from store.board.routing import Queue
from store.board.values import Offer, Stage
from store.database import Database
from tests.stack import ROOT
from tests.store.board_worker import QUEUES, RULES, USERS, now
from tests.store.making import INSTANCE, START, after
from tests.store.naive import Board, read_board
from tests.store.on_board import agent, load, placement, put, staff

Check = Callable[[Board, datetime], None]


async def worker(*args: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.store.board_worker", *args, cwd=ROOT, stdin=PIPE, stdout=PIPE
    )


async def finished(*workers: Process) -> None:
    for process in workers:
        _, _ = await process.communicate()
        assert process.returncode == 0


@asynccontextmanager
async def watched(db: Database, *checks: Check) -> AsyncGenerator[None]:
    """Looks at the board again and again meanwhile."""
    looks = 0

    async def watch() -> None:
        nonlocal looks
        while True:
            board, looks = await read_board(db), looks + 1
            for check in checks:
                check(board, now())

    watching = asyncio.create_task(watch())
    yield
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert looks > 10


def nobody_has_too_much(board: Board, at: datetime) -> None:
    for user, who in board.people.items():
        assert board.load(user, at) <= who.capacity, user


def nobody_was_passed_by(board: Board, _: datetime) -> None:
    """Of conversations of one rank and kind, none waits while a later one of its queue has been taken."""
    for queue in QUEUES:
        chats = [chat for chat in board.chats.values() if chat.queue == queue]
        taken = [chat.place for chat in chats if chat.offered_to or chat.stage is not Stage.QUEUED]
        waiting = [chat.place for chat in board.waiting(queue)]
        assert not taken or not waiting or max(taken) < min(waiting)


async def sweep(db: Database, at: datetime) -> None:
    for queue in QUEUES:
        while await offer_next(db, INSTANCE, queue, RULES, at):
            pass


async def assert_quiet(db: Database, at: datetime) -> None:
    board = await read_board(db)
    nobody_has_too_much(board, at)
    assert await load(db, INSTANCE, USERS, at) == {user: board.load(user, at) for user in USERS}
    assert [board.next_offer(queue, RULES, at) for queue in QUEUES] == [None] * len(QUEUES)


async def test_whatever_a_crowd_does_nobody_has_too_much_and_nothing_is_left(db: Database, url: str) -> None:
    await staff(db, *(agent(user, 1 + n % 3, *QUEUES[: 1 + n % 3]) for n, user in enumerate(USERS)))
    async with watched(db, nobody_has_too_much):
        await finished(*[await worker("live", url, name, "60") for name in ("x", "y", "z")])
    at = now()
    await sweep(db, at)
    await assert_quiet(db, at)
    assert (await read_board(db)).chats


async def test_a_crowd_drains_every_queue_in_its_order(db: Database, url: str) -> None:
    await staff(db, *(agent(user, 2, *QUEUES) for user in USERS))
    for n in range(40):
        for queue in QUEUES:
            await put(db, placement(f"{queue}{n:02}", queue=queue, enqueued_at=START + timedelta(seconds=n)))
    async with watched(db, nobody_has_too_much, nobody_was_passed_by):
        await finished(*[await worker("drain", url, queue) for queue in (*QUEUES, *QUEUES[:1])])
    at = now()
    await sweep(db, at)
    await assert_quiet(db, at)


async def test_offers_of_one_moment_are_of_as_many_conversations_in_their_order(db: Database, url: str) -> None:
    others = [Database.open(url, pool_size=3) for _ in range(4)]
    await staff(db, *(agent(user, 3, *QUEUES) for user in USERS))
    for n in range(40):
        await put(db, placement(f"c{n:02}", queue=QUEUES[n % 2], enqueued_at=after(n)))
    asked = (offer_next(others[n % 4], INSTANCE, QUEUES[n % 2], RULES, after(60)) for n in range(36))
    offers = [offer for offer in await asyncio.gather(*asked) if offer]
    await asyncio.gather(*(other.close() for other in others))
    assert len(offers) == 24
    assert len({offer.conversation_id for offer in offers}) == 24
    board = await read_board(db)
    nobody_has_too_much(board, after(60))
    nobody_was_passed_by(board, after(60))


async def test_who_offers_and_who_takes_at_once_do_not_wait_for_each_other_for_ever(db: Database, url: str) -> None:
    other = Database.open(url)
    await staff(db, agent("ann", 100, *QUEUES))
    for n in range(20):
        waits = placement(f"c{n}", queue=QUEUES[0])
        await put(db, waits)
        taken = replace(waits, revision=2, stage=Stage.WORKING, agent="ann")
        await asyncio.gather(put(db, taken), offer_next(other, INSTANCE, QUEUES[0], RULES, START))
    assert await load(db, INSTANCE, ["ann"], START) == {"ann": 20}
    await other.close()


async def test_who_is_offered_it_between_the_look_and_the_lock_is_locked_too(
    db: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or else a claim of theirs, which locks them before the row, and the end of the conversation wait for each other."""
    if not db.is_postgres:
        return  # one write at a time
    other = Database.open(url)
    await staff(db, agent("ann", 2, *QUEUES))
    await put(db, placement("c", queue=QUEUES[0]))
    lock, claims = placing.lock, list[asyncio.Task[object]]()

    async def interrupted(*arguments: Any) -> Any:
        if not claims:
            assert await offer_next(other, INSTANCE, QUEUES[0], RULES, START)
        row = await lock(*arguments)
        if not claims:
            claims.append(asyncio.create_task(claim(other, "c", "ann", START)))
            while not await waits_for_a_lock(other):
                await asyncio.sleep(0.01)
        return row

    monkeypatch.setattr(placing, "lock", interrupted)
    await put(db, placement("c", queue=QUEUES[0], revision=2, stage=None))
    assert isinstance(await claims[0], Offer)
    assert await load(db, INSTANCE, ["ann"], START) == {"ann": 0}
    await other.close()


async def waits_for_a_lock(db: Database) -> bool:
    async with db.read() as connection:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool((await connection.execute(text(waiting))).scalar_one())


async def test_one_assignment_at_a_time_is_made_from_a_queue(db: Database, url: str) -> None:
    await staff(db, agent("ann", 9, *QUEUES))
    for queue in QUEUES[:2]:
        await put(db, placement(queue, queue=queue))
    other = Database.open(url)
    async with db.write() as connection:
        await db.one_at_a_time(connection, Queue(INSTANCE, QUEUES[0], {}, START).turn)
        offering = [asyncio.create_task(offer_next(other, INSTANCE, queue, RULES, START)) for queue in QUEUES[:2]]
        done, _ = await asyncio.wait(offering, timeout=1)
    assert offering[0] not in done
    assert (offering[1] in done) is db.is_postgres
    assert all(await asyncio.gather(*offering))
    await other.close()


async def test_a_killed_process_leaves_nothing_half_done(db: Database, url: str) -> None:
    await staff(db, *(agent(user, 200, *QUEUES) for user in USERS))
    async with db.write() as connection:
        for n in range(1_000):
            chat = placement(f"c{n:03}", queue=QUEUES[n % 2], enqueued_at=after(n))
            await place(db, connection, chat, START)
    told: set[str] = set()
    for round in range(2):
        workers = [await worker("offer", url, queue) for queue in QUEUES[:2]]
        told |= await killed_after(3 + round, *workers)
        board, unknown = await read_board(db), await untold(db, now() + timedelta(days=1), limit=1_000)
        nobody_has_too_much(board, now())
        nobody_was_passed_by(board, now())
        offered = {chat.id for chat in board.chats.values() if chat.offered_to}
        assert not told & {offer.id for offer in unknown}
        # one may be told whose worker did not live to say so
        assert len(offered) - len(told) - 2 * (round + 1) <= len(unknown) <= len(offered) - len(told)
        async with asyncio.timeout(5):
            assert await offer_next(db, INSTANCE, QUEUES[round], RULES, now())


async def killed_after(lines: int, *workers: Process) -> set[str]:
    """Lets workers say so many lines each, kills them, and returns all that they said."""
    for process in workers:
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
    said: set[str] = set()
    for process in workers:
        assert process.stdin
        process.stdin.write(b"go\n")
    for process in workers:
        assert process.stdout
        said |= {(await process.stdout.readline()).decode().strip() for _ in range(lines)}
    for process in workers:
        process.kill()
    for process in workers:
        rest, _ = await process.communicate()
        said |= set(rest.decode().split())
    return said
