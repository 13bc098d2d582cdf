from __future__ import annotations

from datetime import timedelta

from store.board.queues import average_wait, forget_waits, position, queues_for, queues_with_work, waiting
from store.board.values import Outcome, Stage, Waiting
from store.database import Database
from tests.store.making import INSTANCE, START, after
from tests.store.on_board import QUEUE, agent, answer, move, offer_of, placement, put, staff, wait_in_line


async def test_who_waits_is_listed_in_order(db: Database) -> None:
    await wait_in_line(db, "c1", "c2")
    await put(db, placement("c3", ahead=True, units=2, priority=1, bound_to="ann", enqueued_at=after(9)))
    await put(db, placement("busy", stage=Stage.WORKING, agent="ann"))
    await put(db, placement("elsewhere", queue="elsewhere"))
    assert await waiting(db, INSTANCE, QUEUE) == [
        Waiting("c3", "c3", "flow-1", 2, True, 1, after(9), "ann"),
        Waiting("c1", "c1", "flow-1", 1, False, 5, after(0), ""),
        Waiting("c2", "c2", "flow-1", 1, False, 5, after(1), ""),
    ]
    assert len(await waiting(db, INSTANCE, QUEUE, limit=2)) == 2


async def test_a_position_says_how_many_are_ahead(db: Database) -> None:
    await staff(db, agent("ann"))
    await wait_in_line(db, "c1", "c2", "c3")
    assert [await position(db, id) for id in ("c1", "c2", "c3")] == [0, 1, 2]
    await offer_of(db)
    assert [await position(db, id) for id in ("c1", "c2", "c3", "nowhere")] == [None, 0, 1, None]


async def test_there_is_work_where_somebody_waits(db: Database) -> None:
    for queue in ("a", "b", "c"):
        await wait_in_line(db, *(f"{queue}{n}" for n in range(5)), queue=queue)
    await put(db, placement("other", instance="other", queue="a"))
    await put(db, placement("busy", queue="d", stage=Stage.WORKING, agent="ann"))
    assert await queues_with_work(db) == [*((INSTANCE, queue) for queue in "abc"), ("other", "a")]


async def test_an_agent_looks_first_where_somebody_waits_the_longest(db: Database) -> None:
    await staff(db, agent("ann", 1, "a", "b", "c", "empty"))
    for seconds, queue in enumerate("cab"):
        await wait_in_line(db, f"{queue}1", queue=queue, enqueued_at=after(seconds))
    await wait_in_line(db, "not served", queue="d")
    assert await queues_for(db, INSTANCE, "ann") == ["c", "a", "b"]
    await put(db, placement("b2", queue="b", ahead=True, enqueued_at=after(9)))
    assert await queues_for(db, INSTANCE, "ann") == ["b", "c", "a"]


async def test_the_average_wait_is_that_of_the_latest(db: Database) -> None:
    await staff(db, agent("ann", 9))
    assert await average_wait(db, INSTANCE, QUEUE, START) is None
    for seconds in (10, 20, 60):
        await put(db, placement(f"c{seconds}"))
        await answer(db, await offer_of(db), Outcome.ACCEPTED, after(seconds))
    assert await average_wait(db, INSTANCE, QUEUE, START) == timedelta(seconds=30)
    assert await average_wait(db, INSTANCE, QUEUE, START, last=2) == timedelta(seconds=40)
    assert await average_wait(db, INSTANCE, QUEUE, after(60)) == timedelta(seconds=60)
    assert await average_wait(db, INSTANCE, QUEUE, START, at_least=4) is None
    assert await average_wait(db, INSTANCE, "elsewhere", START) is None
    await forget_waits(db, after(20))
    assert await average_wait(db, INSTANCE, QUEUE, START) == timedelta(seconds=40)


async def test_only_who_waited_and_was_taken_counts(db: Database) -> None:
    await put(db, placement("c1"))
    await move(db, "c1", after(50), stage=None)
    await put(db, placement("c2", stage=Stage.WORKING, agent="ann"))
    await put(db, placement("c3", stage=Stage.PARKED, agent="ann"))
    await move(db, "c3", after(50), stage=Stage.WORKING)
    assert await average_wait(db, INSTANCE, QUEUE, START) is None
