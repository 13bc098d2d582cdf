from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import accumulate, chain, count, cycle
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from store.conversations import find_contact, find_conversation, open_conversation, record
from store.database import Database
from store.past import Place, associate, last_ended_contact, page_of_past, past_from
from store.records import Past
from tests.store.making import INSTANCE, after, contact, facts, item, opening

Shown = list[tuple[str, int]]
"""Items by their contact and number."""


class Source(NamedTuple):
    """What a session continues: a leg of an earlier one, or all of it when the leg is None."""

    session: int
    leg: int | None


class Session(NamedTuple):
    """A chat that has ended: the numbers of each leg's items, what it continues, and whether only while it ran."""

    legs: list[list[int]]
    source: Source | None = None
    associated: bool = False
    seconds: int = 1
    """How long each leg took; with 0 all ended in the same millisecond."""


def chat(session: int, leg: int = 0, world: str = "") -> str:
    """The contact of a leg, which for the first is the conversation."""
    return f"{world}chat-{session}" + (f"-leg-{leg}" if leg else "")


def upto(sessions: Sequence[Session], number: int, leg: int | None, world: str) -> Shown:
    """The reference: what becomes visible with a leg of a session."""
    legs = sessions[number].legs
    own = [(chat(number, n, world), seq) for n, seqs in enumerate(legs) if leg is None or n <= leg for seq in seqs]
    return own[::-1] + before(sessions, number, world)


def before(sessions: Sequence[Session], number: int, world: str) -> Shown:
    """The reference: the past of a session, the latest item first."""
    source = sessions[number].source
    return upto(sessions, source.session, source.leg, world) if source else []


@st.composite
def worlds(draw: st.DrawFn) -> list[Session]:
    """Sessions that continue earlier ones, transferred or surveyed now and then, with few items and gaps in numbers."""
    step = st.sampled_from([1] * 6 + [2, 3, 40])
    sessions: list[Session] = []
    for number in range(draw(st.integers(1, 9))):
        steps = draw(st.lists(st.lists(step, max_size=5), min_size=1, max_size=4))
        numbers = iter(list(accumulate(step for leg in steps for step in leg)))
        legs = [[next(numbers) for _ in leg] for leg in steps]
        source = None
        # three of four continue one, most of them the latest: else few pasts would be long
        if number and draw(st.integers(0, 3)):
            earlier = max(0, number - draw(st.sampled_from([1, 1, 1, 2, 3, 5])))
            last = len(sessions[earlier].legs) - 1
            source = Source(earlier, draw(st.none() | st.integers(0, last)))
        sessions.append(Session(legs, source, draw(st.booleans()), draw(st.integers(0, 1))))
    return sessions


async def source_of(db: Database, source: Source | None, world: str = "") -> Past | None:
    """The past that the API would find for a session."""
    if source is None:
        return None
    contact_id = chat(source.session, source.leg or 0, world)
    if source.leg is None:
        contact_id = await last_ended_contact(db, contact_id) or ""
    found = await past_from(db, INSTANCE, contact_id)
    assert found is not None
    return found[2]


async def write(db: Database, sessions: Sequence[Session], world: str = "") -> None:
    """Writes sessions as the worker does."""
    for number, session in enumerate(sessions):
        id, past = chat(number, world=world), await source_of(db, session.source, world)
        new = opening(id, related_contact_id=None, past=None if session.associated else past)
        if session.associated:
            await open_conversation(db, new)
            assert past is None or await associate(db, id, past, {})
        legs, last = [], 0
        for leg, seqs in enumerate(session.legs):
            last = max([last, *seqs])
            begin, end = after(leg * session.seconds), after((leg + 1) * session.seconds)
            legs.append(contact(chat(number, leg, world), initiated_at=begin, ended_at=end, last_seq=last))
        legs[-1] = replace(legs[-1], last_seq=None)
        items = [
            item(seq, contact_id=chat(number, leg, world)) for leg, seqs in enumerate(session.legs) for seq in seqs
        ]
        now = facts(1, contacts=tuple(legs), participants=(), ended_at=after(9), state="CLOSED")
        await record(db, id, opening=new, facts=now, items=items)


async def place_of(db: Database, id: str) -> Place | None:
    """Where the past of a conversation starts."""
    found = await find_conversation(db, id)
    assert found is not None
    return None if found.past_id is None else Place(found.past_id, found.past_seq or 0)


async def pages(db: Database, place: Place | None, *sizes: int) -> list[Shown]:
    """All pages from a place on. Only the last may be short, and all items stand in the conversation they are said to."""
    found: list[Shown] = []
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
@given(sessions=worlds(), sizes=st.lists(st.integers(1, 12) | st.just(100), min_size=1, max_size=4))
async def test_the_pages_are_what_the_reference_says(db: Database, sessions: list[Session], sizes: list[int]) -> None:
    world = f"{next(numbers)}/"
    await write(db, sessions, world)
    for number in range(len(sessions)):
        shown = await pages(db, await place_of(db, chat(number, world=world)), *sizes)
        assert list(chain.from_iterable(shown)) == before(sessions, number, world)


LONG = [Session([[1, 2, 3]]), *(Session([[1, 2], [3]], Source(n, None)) for n in range(40))]


async def test_every_size_of_page_shows_the_same(db: Database) -> None:
    await write(db, LONG)
    expected = before(LONG, 40, "")
    assert len(expected) == 120
    for size in range(1, 101):
        found = await pages(db, await place_of(db, chat(40)), size)
        assert list(chain.from_iterable(found)) == expected
        assert len(found) == -(-120 // size)


@contextmanager
def statements(db: Database) -> Generator[list[tuple[str, Any]]]:
    """The queries within the block, with their values."""
    seen: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            seen.append((statement, parameters))

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine.sync_engine, "before_cursor_execute", note)


async def test_a_page_is_one_query_of_few_rows_however_long_the_past_is(db: Database) -> None:
    for number in range(501):
        id, earlier = chat(number), chat(number - 1)
        past = Past(earlier, chat(0), earlier, 1, 1) if number else None
        last = 300 if number == 500 else 1
        await record(db, id, opening=opening(id, past=past), items=[item(seq) for seq in range(1, last + 1)])
    for length in (1, 50, 500, 501):
        for size in (1, 15, 100):
            seq = 300 if length == 501 else 1
            with statements(db) as seen:
                page, rest = await page_of_past(db, Place(chat(length - 1), seq), size)
            assert (len(page), len(seen)) == (min(length - 1 + seq, size), 1)
            assert (rest is None) == (length <= size)
            async with db.read() as connection:
                rows = (await connection.exec_driver_sql(*seen[0])).all()
            assert len(rows) <= 2 * (size + 1)


async def test_a_page_scans_no_table(db: Database) -> None:
    await write(db, LONG)
    with statements(db) as seen:
        await page_of_past(db, Place(chat(40), 3), 15)
    async with db.read() as connection:
        # a planner may rightly scan a small table: the question is whether it must
        if db.is_postgres:
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN " if db.is_postgres else "EXPLAIN QUERY PLAN "
        plan = [
            str(row[-1]) for query, values in seen for row in await connection.exec_driver_sql(explain + query, values)
        ]
    if db.is_postgres:
        assert not [line for line in plan if "Seq Scan" in line]
        return
    # the walk, and what was counted of the first chat's items, are no tables
    assert {line for line in plan if line.startswith("SCAN")} == {"SCAN walk", "SCAN own"}
    searches = [line for line in plan if line.startswith("SEARCH")]
    assert all("(id=?)" in line or "(conversation_id=? AND seq" in line for line in searches), searches


async def test_a_big_gap_costs_no_page(db: Database) -> None:
    await write(db, [Session([[1, 2, 1_000_000]]), Session([[7_000]], Source(0, None)), Session([[]], Source(1, None))])
    assert await pages(db, await place_of(db, chat(2)), 2) == [
        [(chat(1), 7_000), (chat(0), 1_000_000)],
        [(chat(0), 2), (chat(0), 1)],
    ]


@pytest.mark.parametrize("empty", [1, 2, 30])
async def test_chats_without_items_hide_nothing_and_cost_nothing(db: Database, empty: int) -> None:
    empties = [Session([[1, 2]]), *(Session([[]], Source(n, None)) for n in range(empty))]
    await write(db, [*empties, Session([[], [1]], Source(empty, None)), Session([[]], Source(empty + 1, 1))])
    first = [(chat(0), 2), (chat(0), 1)]
    assert await place_of(db, chat(empty + 1)) == Place(chat(0), 2)
    assert await pages(db, await place_of(db, chat(empty + 2)), 1) == [
        [(chat(empty + 1, 1), 1)],
        *([entry] for entry in first),
    ]
    found = await past_from(db, INSTANCE, chat(empty + 1))
    assert found is not None
    assert found[2] == Past(chat(empty + 1), chat(0), chat(0), 2, 2)


async def test_where_there_is_nothing_a_page_is_empty(db: Database) -> None:
    await write(db, [Session([[]]), Session([[]], Source(0, None))])
    assert await page_of_past(db, Place("nothing", 5), 10) == ([], None)
    place = await place_of(db, chat(1))
    assert place == Place(chat(0), 0)
    assert await pages(db, place, 10) == [[]]


async def test_a_place_is_an_item_of_what_follows(db: Database) -> None:
    await write(db, [Session([[1, 2]]), Session([[1, 2, 3]], Source(0, None))])
    page, rest = await page_of_past(db, Place(chat(1), 2), 1)
    assert (page[0].conversation_id, page[0].item) == (chat(1), item(2, contact_id=chat(1)))
    assert rest == Place(chat(1), 1)
    assert await page_of_past(db, Place(chat(1), 1), 1) == ([(chat(1), item(1, contact_id=chat(1)))], Place(chat(0), 2))
    assert (await page_of_past(db, Place(chat(1), 2**62), 3))[1] == Place(chat(0), 2)


async def test_a_past_begins_with_the_contact_and_leaves_out_later_legs(db: Database) -> None:
    await write(db, [Session([[1, 2], [4], []]), Session([[1], [2]], Source(0, 1))])
    for id, seq, items in ((chat(0), 2, 2), (chat(0, 1), 4, 3), (chat(0, 2), 4, 3)):
        found = await past_from(db, INSTANCE, id)
        assert found is not None
        assert (found[0].id, found[1].id, found[2]) == (id, chat(0), Past(id, chat(0), chat(0), seq, items))
    found = await past_from(db, INSTANCE, chat(1))
    assert found is not None
    assert found[2] == Past(chat(1), chat(0), chat(1), 1, 1)
    assert await past_from(db, INSTANCE, "nothing") is None
    assert await past_from(db, "another", chat(0)) is None


@pytest.mark.parametrize("seconds", [0, 1])
async def test_the_contact_that_ended_last(db: Database, seconds: int) -> None:
    await write(db, [Session([[1], [2], [3], [4]], seconds=seconds)])
    assert await last_ended_contact(db, chat(0)) == chat(0, 3)
    await record(db, "c", opening=opening("c"))
    assert await last_ended_contact(db, "c") is None
    legs = (contact("c", ended_at=after(5), last_seq=1), contact("c-leg-1", initiated_at=after(5)))
    await record(db, "c", facts=facts(1, contacts=legs, participants=()))
    assert await last_ended_contact(db, "c") == "c"


async def test_a_running_chat_gets_a_past_once(db: Database) -> None:
    await write(db, [Session([[1, 2]])])
    past = await source_of(db, Source(0, None))
    assert past is not None
    await open_conversation(db, opening("c", related_contact_id=None, attributes={"b": "own"}))
    assert await associate(db, "c", past, {"a": "old", "b": "old"})
    found = await find_contact(db, INSTANCE, "c")
    assert found is not None
    first, conversation = found
    assert first.related_contact_id == conversation.continued_from == conversation.association_id == chat(0)
    assert conversation.attributes == {"a": "old", "b": "own"}
    assert (conversation.past_id, conversation.past_seq) == (chat(0), 2)
    assert not await associate(db, "c", past, {"b": "new"})
    assert await find_contact(db, INSTANCE, "c") == found


async def test_what_is_related_or_has_ended_gets_no_past(db: Database) -> None:
    await write(db, [Session([[1]]), Session([[1]], Source(0, None))])
    past = await source_of(db, Source(1, None))
    assert past is not None
    await open_conversation(db, opening("related"))
    await open_conversation(db, opening("continues", related_contact_id=None, past=past))
    for id in ("related", "continues", chat(0), chat(1), "nothing"):
        assert not await associate(db, id, past, {})
    assert await place_of(db, chat(0)) is None
    assert await pages(db, await place_of(db, chat(1)), 1) == [[(chat(0), 1)]]
