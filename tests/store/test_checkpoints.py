"""The store decides which of two commits of a number stands, and tells the other run what it has instead."""

from __future__ import annotations

import asyncio

import pytest

from domain.checkpoints import Checkpoint, Conflict, ConflictKind
from store.checkpoints import Step
from store.conversations import Written, write_conversation
from store.database import Database
from store.item_writer import ItemWriter
from store.transcript import PageStart, page
from tests.store.sample_records import item, opening, snapshot

TAKEN, BEHIND, INCOMPLETE = ConflictKind.TAKEN, ConflictKind.BEHIND, ConflictKind.INCOMPLETE


def step(
    number: int, run: str = "run", *, before: str = "", whole: bool = False, state: str = "", id: str = "c"
) -> Step:
    checkpoint = Checkpoint(run_id=run, number=number, consumed=number, state=state or f"state {number} of {run}")
    return Step(id, checkpoint, before, whole)


async def write(db: Database, step: Step, *, seq: int | None = None, begins: bool = False) -> Written:
    """Write a commit with one item, whose number is that of the commit unless given."""
    number = seq or step.checkpoint.number
    async with db.write() as connection:
        return await write_conversation(
            db,
            connection,
            step.conversation_id,
            opening=opening(step.conversation_id) if begins else None,
            snapshot=snapshot(number, step.conversation_id, participants=()),
            items=[item(number, id=f"{step.checkpoint.run_id}-{number}")],
            step=step,
        )


async def recorded(db: Database, commits: int) -> None:
    for number in range(1, commits + 1):
        assert (await write(db, step(number), begins=number == 1)).conflict is None


async def transcript(db: Database) -> list[str]:
    return [found.id for found in await page(db, "c", PageStart(0, forward=True), 100)]


async def test_commits_of_a_run_follow_each_other(db: Database) -> None:
    await recorded(db, 3)
    assert await transcript(db) == ["run-1", "run-2", "run-3"]


async def test_same_commit_can_be_repeated(db: Database) -> None:
    await recorded(db, 2)
    assert (await write(db, step(2))).conflict is None
    assert await transcript(db) == ["run-1", "run-2"]


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_another_commit_of_a_number_is_not_written(db: Database, number: int) -> None:
    await recorded(db, 3)
    conflict = (await write(db, step(number, state="other"), seq=9)).conflict
    assert conflict == Conflict(kind=TAKEN, checkpoint=step(3).checkpoint, revision=3, seq=3, at=item(3).at)
    assert await transcript(db) == ["run-1", "run-2", "run-3"]
    assert (await write(db, step(4))).conflict is None


async def test_next_run_follows_the_one_before(db: Database) -> None:
    await recorded(db, 2)
    assert (await write(db, step(3, "next", before="run"))).conflict is None
    assert (await write(db, step(4, "next"))).conflict is None


async def test_next_run_is_told_what_the_one_before_wrote_last(db: Database) -> None:
    await recorded(db, 3)
    conflict = (await write(db, step(3, "next", before="run"))).conflict
    assert conflict
    assert (conflict.kind, conflict.checkpoint) == (TAKEN, step(3).checkpoint)


async def test_reset_run_is_told_what_it_is_behind(db: Database) -> None:
    await recorded(db, 3)
    conflict = (await write(db, step(2, "reset"))).conflict
    assert conflict
    assert (conflict.kind, conflict.checkpoint, conflict.recent_ids) == (
        BEHIND,
        step(3).checkpoint,
        ("run-1", "run-2", "run-3"),
    )
    assert (await write(db, step(4, "reset"))).conflict is None
    late = (await write(db, step(4))).conflict  # the run that was reset still writes
    assert late
    assert late.kind is BEHIND


async def test_commit_without_its_predecessors_is_refused_until_it_is_whole(db: Database) -> None:
    await recorded(db, 2)
    conflict = (await write(db, step(9))).conflict
    assert conflict
    assert (conflict.kind, conflict.checkpoint) == (INCOMPLETE, step(2).checkpoint)
    assert (await write(db, step(9, whole=True))).conflict is None
    assert (await write(db, step(10))).conflict is None


async def test_unknown_conversation_must_be_written_whole(db: Database) -> None:
    conflict = (await write(db, step(5))).conflict
    assert conflict == Conflict(kind=INCOMPLETE)
    assert (await write(db, step(5, whole=True), begins=True)).conflict is None
    assert await transcript(db) == ["run-5"]


async def test_group_writes_what_follows_and_answers_the_others_alone(db: Database) -> None:
    writer = ItemWriter(db)
    for id in ("c", "d", "e"):
        assert (await write(db, step(1, id=id), begins=True)).conflict is None
    commits = [step(2, id="c"), step(1, id="d", state="other"), step(2, id="e"), step(2, id="unknown")]
    written = await asyncio.gather(
        *(writer.append(each.conversation_id, [item(2, id=f"{each.conversation_id}-2")], each) for each in commits)
    )
    kinds = [each.conflict.kind if each.conflict else None for each in written]
    assert kinds == [None, TAKEN, None, INCOMPLETE]
    again = await asyncio.gather(*(writer.append(id, [], step(3, id=id)) for id in ("c", "e")))
    assert again == [Written(), Written()]
