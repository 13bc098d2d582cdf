"""The past of rehydrated chats."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import accumulate, chain, count, cycle
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from domain.conversation import RehydratedPast
from store.conversations import find_contact, find_conversation, open_conversation
from store.database import Database
from store.past import PastPosition, find_rehydrated_past, last_ended_contact, link_to_past, page_of_past
from tests.store.sample_records import INSTANCE, after, contact, item, opening, record, replaced, snapshot

Items = list[tuple[str, int]]
"""Visible items, each as contact id and item number."""


class Source(NamedTuple):
    """The source of a session: an earlier session up to a contact, or all of it when `leg` is None."""

    session: int
    leg: int | None


class Session(NamedTuple):
    """An ended chat: the item numbers of each contact, its source, and whether the source was associated after the start."""

    legs: list[list[int]]
    source: Source | None = None
    associated: bool = False
    seconds: int = 1
    """Duration of each contact. With 0, all contacts end in the same millisecond."""


def chat_id(session: int, leg: int = 0, prefix: str = "") -> str:
    """The contact id of a leg. The first contact has the id of the conversation."""
    return f"{prefix}chat-{session}" + (f"-leg-{leg}" if leg else "")


def visible_with(sessions: Sequence[Session], number: int, leg: int | None, prefix: str) -> Items:
    """Reference model: the items that become visible with a contact of a session, latest first."""
    legs = sessions[number].legs
    own = [(chat_id(number, n, prefix), seq) for n, seqs in enumerate(legs) if leg is None or n <= leg for seq in seqs]
    return own[::-1] + past_of(sessions, number, prefix)


def past_of(sessions: Sequence[Session], number: int, prefix: str) -> Items:
    """Reference model: the past of a session, latest item first."""
    source = sessions[number].source
    return visible_with(sessions, source.session, source.leg, prefix) if source else []


@st.composite
def session_lists(draw: st.DrawFn) -> list[Session]:
    """Sessions that continue earlier ones, some with several contacts, with few items and gaps in the item numbers."""
    step = st.sampled_from([1] * 6 + [2, 3, 40])
    sessions: list[Session] = []
    for number in range(draw(st.integers(1, 9))):
        steps = draw(st.lists(st.lists(step, max_size=5), min_size=1, max_size=4))
        numbers = iter(list(accumulate(step for leg in steps for step in leg)))
        legs = [[next(numbers) for _ in leg] for leg in steps]
        source = None
        # three of four continue a session, mostly a recent one; otherwise long pasts would be rare
        if number and draw(st.integers(0, 3)):
            earlier = max(0, number - draw(st.sampled_from([1, 1, 1, 2, 3, 5])))
            last = len(sessions[earlier].legs) - 1
            source = Source(earlier, draw(st.none() | st.integers(0, last)))
        sessions.append(Session(legs, source, draw(st.booleans()), draw(st.integers(0, 1))))
    return sessions


async def source_of(db: Database, source: Source | None, prefix: str = "") -> RehydratedPast | None:
    """The past that the API finds for a source."""
    if source is None:
        return None
    contact_id = chat_id(source.session, source.leg or 0, prefix)
    if source.leg is None:
        contact_id = await last_ended_contact(db, contact_id) or ""
    found = await find_rehydrated_past(db, INSTANCE, contact_id)
    assert found is not None
    return found[2]


async def write_sessions(db: Database, sessions: Sequence[Session], prefix: str = "") -> None:
    """Write sessions as the worker does."""
    for number, session in enumerate(sessions):
        id, past = chat_id(number, prefix=prefix), await source_of(db, session.source, prefix)
        new = opening(id, related_contact_id=None, past=None if session.associated else past)
        if session.associated:
            await open_conversation(db, new)
            assert past is None or await link_to_past(db, id, past, {})
        legs, last = [], 0
        for leg, seqs in enumerate(session.legs):
            last = max([last, *seqs])
            begin, end = after(leg * session.seconds), after((leg + 1) * session.seconds)
            legs.append(contact(chat_id(number, leg, prefix), initiated_at=begin, ended_at=end, last_seq=last))
        legs[-1] = replaced(legs[-1], last_seq=None)
        items = [
            item(seq, contact_id=chat_id(number, leg, prefix)) for leg, seqs in enumerate(session.legs) for seq in seqs
        ]
        now = snapshot(1, contacts=tuple(legs), participants=(), ended_at=after(9), state="CLOSED")
        await record(db, id, opening=new, snapshot=now, items=items)


async def place_of(db: Database, id: str) -> PastPosition | None:
    """The place where the past of a conversation starts, or None."""
    found = await find_conversation(db, id)
    assert found is not None
    return None if found.past_id is None else PastPosition(found.past_id, found.past_seq or 0)


async def pages(db: Database, place: PastPosition | None, *sizes: int) -> list[Items]:
    """All pages from a place on. Asserts that only the last is short and that each item belongs to its conversation."""
    found: list[Items] = []
    for size in cycle(sizes):
        if place is None:
            return found
        page, place = await page_of_past(db, place, size)
        assert len(page) == size if place else len(page) <= size
        assert all(entry.contact_id == id or entry.contact_id.startswith(f"{id}-") for id, entry in page)
        found.append([(entry.contact_id, entry.seq) for _, entry in page])
    return found


numbers = count()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sessions=session_lists(), sizes=st.lists(st.integers(1, 12) | st.just(100), min_size=1, max_size=4))
async def test_pages_match_the_reference_model(db: Database, sessions: list[Session], sizes: list[int]) -> None:
    prefix = f"{next(numbers)}/"
    await write_sessions(db, sessions, prefix)
    for number in range(len(sessions)):
        found = await pages(db, await place_of(db, chat_id(number, prefix=prefix)), *sizes)
        assert list(chain.from_iterable(found)) == past_of(sessions, number, prefix)


LONG = [Session([[1, 2, 3]]), *(Session([[1, 2], [3]], Source(n, None)) for n in range(40))]


async def test_every_page_size_returns_the_same_items(db: Database) -> None:
    await write_sessions(db, LONG)
    expected = past_of(LONG, 40, "")
    assert len(expected) == 120
    for size in range(1, 101):
        found = await pages(db, await place_of(db, chat_id(40)), size)
        assert list(chain.from_iterable(found)) == expected
        assert len(found) == -(-120 // size)


@contextmanager
def statements(db: Database) -> Generator[list[tuple[str, Any]]]:
    """Collect the queries that run within the block, with their parameters."""
    queries: list[tuple[str, Any]] = []

    def collect(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            queries.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", collect)
    yield queries
    event.remove(db.engine, "before_cursor_execute", collect)


async def test_page_takes_one_query_of_few_rows_for_any_length_of_past(db: Database) -> None:
    for number in range(501):
        id, earlier = chat_id(number), chat_id(number - 1)
        past = (
            RehydratedPast(contact_id=earlier, association_id=chat_id(0), conversation_id=earlier, seq=1, items=1)
            if number
            else None
        )
        last = 300 if number == 500 else 1
        await record(db, id, opening=opening(id, past=past), items=[item(seq) for seq in range(1, last + 1)])
    for length in (1, 50, 500, 501):
        for size in (1, 15, 100):
            seq = 300 if length == 501 else 1
            with statements(db) as queries:
                page, rest = await page_of_past(db, PastPosition(chat_id(length - 1), seq), size)
            assert (len(page), len(queries)) == (min(length - 1 + seq, size), 1)
            assert (rest is None) == (length <= size)
            async with db.read() as connection:
                rows = (await connection.exec_driver_sql(*queries[0])).all()
            assert len(rows) <= 2 * (size + 1)


async def test_page_query_scans_no_table(db: Database) -> None:
    await write_sessions(db, LONG)
    with statements(db) as queries:
        await page_of_past(db, PastPosition(chat_id(40), 3), 15)
    async with db.read() as connection:
        # forbid scans: for a small table the planner may choose one
        if db.is_postgres:
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN " if db.is_postgres else "EXPLAIN QUERY PLAN "
        plan = [
            str(row[-1])
            for query, values in queries
            for row in await connection.exec_driver_sql(explain + query, values)
        ]
    if db.is_postgres:
        assert not [line for line in plan if "Seq Scan" in line]
        return
    # "walk" and "first_items" are common table expressions, not tables
    assert {line for line in plan if line.startswith("SCAN")} == {"SCAN walk", "SCAN first_items"}
    searches = [line for line in plan if line.startswith("SEARCH")]
    assert all("(id=?)" in line or "(conversation_id=? AND seq" in line for line in searches), searches


async def test_large_gap_in_item_numbers_costs_no_page(db: Database) -> None:
    await write_sessions(
        db, [Session([[1, 2, 1_000_000]]), Session([[7_000]], Source(0, None)), Session([[]], Source(1, None))]
    )
    assert await pages(db, await place_of(db, chat_id(2)), 2) == [
        [(chat_id(1), 7_000), (chat_id(0), 1_000_000)],
        [(chat_id(0), 2), (chat_id(0), 1)],
    ]


@pytest.mark.parametrize("empty", [1, 2, 30])
async def test_chats_without_items_are_skipped(db: Database, empty: int) -> None:
    empties = [Session([[1, 2]]), *(Session([[]], Source(n, None)) for n in range(empty))]
    await write_sessions(db, [*empties, Session([[], [1]], Source(empty, None)), Session([[]], Source(empty + 1, 1))])
    first = [(chat_id(0), 2), (chat_id(0), 1)]
    assert await place_of(db, chat_id(empty + 1)) == PastPosition(chat_id(0), 2)
    assert await pages(db, await place_of(db, chat_id(empty + 2)), 1) == [
        [(chat_id(empty + 1, 1), 1)],
        *([entry] for entry in first),
    ]
    found = await find_rehydrated_past(db, INSTANCE, chat_id(empty + 1))
    assert found is not None
    assert found[2] == RehydratedPast(
        contact_id=chat_id(empty + 1), association_id=chat_id(0), conversation_id=chat_id(0), seq=2, items=2
    )


async def test_page_of_an_empty_past_is_empty(db: Database) -> None:
    await write_sessions(db, [Session([[]]), Session([[]], Source(0, None))])
    assert await page_of_past(db, PastPosition("nothing", 5), 10) == ([], None)
    place = await place_of(db, chat_id(1))
    assert place == PastPosition(chat_id(0), 0)
    assert await pages(db, place, 10) == [[]]


async def test_page_begins_with_the_item_at_its_place(db: Database) -> None:
    await write_sessions(db, [Session([[1, 2]]), Session([[1, 2, 3]], Source(0, None))])
    page, rest = await page_of_past(db, PastPosition(chat_id(1), 2), 1)
    assert (page[0].conversation_id, page[0].item) == (chat_id(1), item(2, contact_id=chat_id(1)))
    assert rest == PastPosition(chat_id(1), 1)
    assert await page_of_past(db, PastPosition(chat_id(1), 1), 1) == (
        [(chat_id(1), item(1, contact_id=chat_id(1)))],
        PastPosition(chat_id(0), 2),
    )
    assert (await page_of_past(db, PastPosition(chat_id(1), 2**62), 3))[1] == PastPosition(chat_id(0), 2)


async def test_past_begins_with_the_contact_and_omits_later_contacts(db: Database) -> None:
    await write_sessions(db, [Session([[1, 2], [4], []]), Session([[1], [2]], Source(0, 1))])
    for id, seq, items in ((chat_id(0), 2, 2), (chat_id(0, 1), 4, 3), (chat_id(0, 2), 4, 3)):
        found = await find_rehydrated_past(db, INSTANCE, id)
        assert found is not None
        assert (found[0].id, found[1].id, found[2]) == (
            id,
            chat_id(0),
            RehydratedPast(contact_id=id, association_id=chat_id(0), conversation_id=chat_id(0), seq=seq, items=items),
        )
    found = await find_rehydrated_past(db, INSTANCE, chat_id(1))
    assert found is not None
    assert found[2] == RehydratedPast(
        contact_id=chat_id(1), association_id=chat_id(0), conversation_id=chat_id(1), seq=1, items=1
    )
    assert await find_rehydrated_past(db, INSTANCE, "nothing") is None
    assert await find_rehydrated_past(db, "another", chat_id(0)) is None


@pytest.mark.parametrize("seconds", [0, 1])
async def test_last_ended_contact_is_found(db: Database, seconds: int) -> None:
    await write_sessions(db, [Session([[1], [2], [3], [4]], seconds=seconds)])
    assert await last_ended_contact(db, chat_id(0)) == chat_id(0, 3)
    await record(db, "c", opening=opening("c"))
    assert await last_ended_contact(db, "c") is None
    legs = (contact("c", ended_at=after(5), last_seq=1), contact("c-leg-1", initiated_at=after(5)))
    await record(db, "c", snapshot=snapshot(1, contacts=legs, participants=()))
    assert await last_ended_contact(db, "c") == "c"


async def test_past_is_associated_once_with_an_ongoing_chat(db: Database) -> None:
    await write_sessions(db, [Session([[1, 2]])])
    past = await source_of(db, Source(0, None))
    assert past is not None
    await open_conversation(db, opening("c", related_contact_id=None, attributes={"b": "own"}))
    assert await link_to_past(db, "c", past, {"a": "old", "b": "old"})
    found = await find_contact(db, INSTANCE, "c")
    assert found is not None
    first, conversation = found
    assert first.related_contact_id == conversation.continued_from == conversation.association_id == chat_id(0)
    assert conversation.attributes == {"a": "old", "b": "own"}
    assert (conversation.past_id, conversation.past_seq) == (chat_id(0), 2)
    assert not await link_to_past(db, "c", past, {"b": "new"})
    assert await find_contact(db, INSTANCE, "c") == found


async def test_past_is_not_associated_with_a_related_or_ended_chat(db: Database) -> None:
    await write_sessions(db, [Session([[1]]), Session([[1]], Source(0, None))])
    past = await source_of(db, Source(1, None))
    assert past is not None
    await open_conversation(db, opening("related"))
    await open_conversation(db, opening("continues", related_contact_id=None, past=past))
    for id in ("related", "continues", chat_id(0), chat_id(1), "nothing"):
        assert not await link_to_past(db, id, past, {})
    assert await place_of(db, chat_id(0)) is None
    assert await pages(db, await place_of(db, chat_id(1)), 1) == [[(chat_id(0), 1)]]
