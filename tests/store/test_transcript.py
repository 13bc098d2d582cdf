"""Pages of a transcript."""

from __future__ import annotations

from datetime import timedelta

import pytest

from store.database import Database
from store.transcript import PageStart, find_item, first_since, heads, last_until, nth_latest, page
from tests.store.sample_records import START, after, item, opening, record, record_chat


async def seqs(db: Database, span: PageStart, limit: int = 100, contact_id: str | None = None) -> list[int]:
    return [found.seq for found in await page(db, "c", span, limit, contact_id)]


async def record_other_conversation(db: Database) -> None:
    """Record another conversation, whose items must not appear in results for "c"."""
    await record(db, "d", opening=opening("d"), items=[item(n, contact_id="d", content="of d") for n in range(1, 12)])


@pytest.mark.parametrize(
    ("span", "limit", "expected"),
    [
        (PageStart(1, True), 100, [1, 2, 3, 5, 8]),
        (PageStart(0, True), 2, [1, 2]),
        (PageStart(3, True), 2, [3, 5]),
        (PageStart(4, True), 1, [5]),
        (PageStart(8, True), 9, [8]),
        (PageStart(9, True), 9, []),
        (PageStart(8, False), 100, [8, 5, 3, 2, 1]),
        (PageStart(99, False), 2, [8, 5]),
        (PageStart(5, False), 2, [5, 3]),
        (PageStart(4, False), 1, [3]),
        (PageStart(1, False), 9, [1]),
        (PageStart(0, False), 9, []),
        (PageStart(1, True), 0, []),
    ],
    ids=str,
)
async def test_page_returns_the_nearest_items_in_its_direction(
    db: Database, span: PageStart, limit: int, expected: list[int]
) -> None:
    await record_chat(db, 1, 2, 3, 5, 8)
    await record_other_conversation(db)
    assert await seqs(db, span, limit) == expected


async def test_page_can_be_limited_to_one_contact(db: Database) -> None:
    await record_chat(db)
    await record(db, "c", items=[item(n, contact_id="leg-2" if n in (2, 4, 6) else "c") for n in range(1, 8)])
    assert await seqs(db, PageStart(1, True), 2, "leg-2") == [2, 4]
    assert await seqs(db, PageStart(5, False), 2, "leg-2") == [4, 2]
    assert await seqs(db, PageStart(1, True), contact_id="c") == [1, 3, 5, 7]
    assert await seqs(db, PageStart(1, True), contact_id="x") == []


async def test_pages_have_no_gaps_and_no_repeats(db: Database) -> None:
    await record_chat(db, *range(1, 24))
    forward: list[int] = []
    while found := await seqs(db, PageStart(forward[-1] + 1 if forward else 1, True), 5):
        forward += found
    backward: list[int] = []
    while found := await seqs(db, PageStart(backward[-1] - 1 if backward else 23, False), 5):
        backward += found
    assert forward == list(range(1, 24)) == backward[::-1]


async def test_item_is_found_by_its_id(db: Database) -> None:
    await record_chat(db, 1, 2)
    await record_other_conversation(db)
    assert await find_item(db, "c", "item-2") == item(2)
    assert await find_item(db, "c", "item-9") is None
    assert await find_item(db, "x", "item-2") is None


async def test_empty_transcript_has_no_items_and_no_positions(db: Database) -> None:
    await record_chat(db)
    await record_other_conversation(db)
    assert await page(db, "c", PageStart(0, True), 10) == []
    assert await nth_latest(db, "c", 1) is None
    assert await first_since(db, "c", START) is None
    assert await last_until(db, "c", after(1_000)) is None
    assert await heads(db, ["c"]) == {}


@pytest.mark.parametrize(("n", "expected"), [(1, 8), (2, 5), (5, 1), (6, 1), (1_000_000, 1), (0, None)])
async def test_nth_latest_is_at_most_the_first_item(db: Database, n: int, expected: int | None) -> None:
    await record_chat(db, 1, 2, 3, 5, 8)
    await record_other_conversation(db)
    assert await nth_latest(db, "c", n) == expected


@pytest.mark.parametrize(
    ("moment", "since", "until"),
    [(0, 2, None), (2, 2, 2), (2.001, 4, 2), (3.999, 4, 2), (4, 4, 5), (4.001, 7, 5), (7, 7, 7), (7.001, None, 7)],
)
async def test_item_positions_around_an_instant_are_found(
    db: Database, moment: float, since: int | None, until: int | None
) -> None:
    await record_chat(db, 2, 4, 7)
    await record(db, "c", items=[item(5, at=after(4))])
    await record_other_conversation(db)
    at = START + timedelta(milliseconds=round(moment * 1_000))
    assert await first_since(db, "c", at) == since
    assert await last_until(db, "c", at) == until


async def test_heads_exist_only_for_conversations_with_items(db: Database) -> None:
    await record_chat(db, 1, 2, 7)
    await record_other_conversation(db)
    await record(db, "e", opening=opening("e"))
    assert await heads(db, ["c", "d", "e", "x"]) == {"c": 7, "d": 11}
    assert await heads(db, {"d"}) == {"d": 11}
    assert await heads(db, ()) == {}


async def test_heads_of_five_thousand_conversations_are_found_in_one_call(db: Database) -> None:
    await record_chat(db, 1)
    assert await heads(db, [*(f"x{n}" for n in range(5_000)), "c"]) == {"c": 1}
