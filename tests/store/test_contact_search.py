"""The search for contacts."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text

from store.contact_search import (
    AttributeCriterion,
    ContactInstant,
    ContactSearch,
    SearchPosition,
    count_contacts,
    find_contacts,
    search_position,
)
from store.conversations import find_contact, open_conversation
from store.database import Database
from tests.store.sample_records import INSTANCE, add_contact, after, opening

MOMENTS: tuple[ContactInstant, ...] = ("initiated_at", "enqueued_at", "agent_connected_at", "ended_at")
INDEXES = ("contacts_by_initiation", "contacts_by_enqueuing", "contacts_by_connection", "contacts_by_end")


def search(
    moment: ContactInstant = "initiated_at", since: float = 0, until: float = 1000, **more: Any
) -> ContactSearch:
    fields: dict[str, Any] = {"instance": INSTANCE, "moment": moment, "since": after(since), "until": after(until)}
    return ContactSearch(**fields | more)


async def found(
    db: Database, wanted: ContactSearch, limit: int = 100, behind: SearchPosition | None = None
) -> list[str]:
    return [contact.id for contact, _ in await find_contacts(db, wanted, limit, behind)]


async def all_pages(db: Database, wanted: ContactSearch, size: int) -> list[str]:
    """Read all results of a search, page by page."""
    ids: list[str] = []
    mark = None
    while page := await find_contacts(db, wanted, size, mark):
        assert len(page) <= size
        ids += [contact.id for contact, _ in page]
        mark = search_position(wanted, page[-1][0])
    return ids


async def add_contacts(db: Database, *contacts: tuple[str, dict[str, Any]]) -> None:
    """Add contacts to a conversation whose first contact lies before the range of every search."""
    await open_conversation(db, opening(started_at=after(-1)))
    for id, values in contacts:
        await add_contact(db, "c", id, **values)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_search_range_applies_to_the_named_time_and_includes_both_ends(
    db: Database, moment: ContactInstant
) -> None:
    other = {name: after(20) for name in MOMENTS}
    seconds = {"early": 9.999, "first": 10, "last": 30, "late": 30.001}
    await add_contacts(db, *((id, {**other, moment: after(second)}) for id, second in seconds.items()))
    wanted = search(moment, 10, 30, order=moment, ascending=True)
    assert await found(db, wanted) == ["first", "last"]
    assert await count_contacts(db, wanted) == 2
    assert await found(db, search(moment, 10, 10)) == ["first"]


@pytest.mark.parametrize("moment", MOMENTS[1:])
async def test_contact_without_the_named_time_is_not_found(db: Database, moment: ContactInstant) -> None:
    await add_contacts(db, ("x", {"initiated_at": after(1)}))
    assert await found(db, search(moment)) == []
    assert await count_contacts(db, search(moment)) == 0


async def test_every_contact_is_found_with_its_conversation(db: Database) -> None:
    await open_conversation(db, opening())
    await add_contact(db, "c", "leg-2", previous_contact_id="c", initiated_at=after(60), queue="other")
    results = await find_contacts(db, search(), 100)
    assert [contact.id for contact, _ in results] == ["leg-2", "c"]
    assert results == [await find_contact(db, INSTANCE, id) for id in ("leg-2", "c")]


async def test_search_finds_only_contacts_of_its_instance(db: Database) -> None:
    await open_conversation(db, opening())
    await open_conversation(db, opening("d", instance="another"))
    assert await found(db, search()) == ["c"]
    assert await found(db, search(instance="another")) == ["d"]
    assert await count_contacts(db, search(instance="another")) == 1
    assert await found(db, search(instance="a third")) == []


@pytest.mark.parametrize(
    ("criteria", "ids"),
    [
        ({}, ["a", "b", "c2"]),
        ({"agents": ["ann"]}, ["a"]),
        ({"agents": ["ann", "bob"]}, ["a", "b"]),
        ({"agents": ["Ann"]}, []),
        ({"queues": ["support"]}, ["a", "c2"]),
        ({"queues": ["sales", "support"]}, ["a", "b", "c2"]),
        ({"methods": ["TRANSFER"]}, ["b"]),
        ({"methods": ["API", "INBOUND"]}, ["a", "c2"]),
        ({"agents": ["ann", "bob"], "queues": ["support"]}, ["a"]),
        ({"agents": ["ann"], "methods": ["TRANSFER"]}, []),
    ],
)
async def test_search_filters_by_agent_queue_and_initiation_method(
    db: Database, criteria: dict[str, Any], ids: list[str]
) -> None:
    await add_contacts(
        db,
        ("a", {"agent_user": "ann", "queue": "support"}),
        ("b", {"agent_user": "bob", "queue": "sales", "initiation_method": "TRANSFER"}),
        ("c2", {"queue": "support"}),
    )
    wanted = search(ascending=True, **criteria)
    assert await found(db, wanted) == ids
    assert await count_contacts(db, wanted) == len(ids)


ATTRIBUTES = {
    "bees": {"topic": "bees", "tier": "gold"},
    "case": {"topic": "Bees", "tier": "silver"},
    "none": {},
    "number": {"topic": "1", "tier": "gold"},
    "words": {"ключ": "🦜 é", 'a"b': "quote", "a.b": "dot", "$": "root", "back\\slash": 'x"y\\z'},
}


@pytest.mark.parametrize(
    ("match", "criteria", "ids"),
    [
        ("all", [("topic", ["bees"])], ["bees"]),
        ("all", [("topic", ["bees", "Bees"])], ["bees", "case"]),
        ("all", [("topic", ["bee", "bees ", "%", "bees%", "b_es"])], []),
        ("all", [("Topic", ["bees"])], []),
        ("all", [("topic", ["1"])], ["number"]),
        ("all", [("tier", ["gold"]), ("topic", ["bees", "Bees"])], ["bees"]),
        ("any", [("tier", ["silver"]), ("topic", ["bees"])], ["bees", "case"]),
        ("none", [("tier", ["silver"]), ("topic", ["bees"])], ["none", "number", "words"]),
        ("none", [("tier", ["gold"])], ["case", "none", "words"]),
        ("all", [("tier", [])], []),
        ("any", [("tier", []), ("topic", ["bees"])], ["bees"]),
        ("none", [("tier", [])], sorted(ATTRIBUTES)),
        ("all", [], sorted(ATTRIBUTES)),
        ("none", [], sorted(ATTRIBUTES)),
        ("all", [("ключ", ["🦜 é"])], ["words"]),
        ("all", [('a"b', ["quote"]), ("a.b", ["dot"]), ("$", ["root"]), ("back\\slash", ['x"y\\z'])], ["words"]),
        ("any", [('"', ["x"]), ("'; --", ["x"]), ("$.topic", ["bees"]), ("[0]", ["x"]), ("\\", ["x"])], []),
    ],
)
async def test_attribute_search_matches_exact_text(
    db: Database, match: str, criteria: list[tuple[str, Sequence[str]]], ids: list[str]
) -> None:
    for id, attributes in ATTRIBUTES.items():
        await open_conversation(db, opening(id, attributes=attributes))
    wanted = search(attributes=[AttributeCriterion(*criterion) for criterion in criteria], match=match)
    assert sorted(await found(db, wanted)) == ids
    assert await count_contacts(db, wanted) == len(ids)


async def test_latest_contact_comes_first_and_ties_are_ordered_by_id(db: Database) -> None:
    await add_contacts(db, ("x", {}), ("z", {}), ("y", {}), ("late", {"initiated_at": after(9)}))
    assert await found(db, search()) == ["late", "z", "y", "x"]
    assert await found(db, search(ascending=True)) == ["x", "y", "z", "late"]


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("order", MOMENTS)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_pages_return_every_contact_once_and_in_order(
    db: Database, order: ContactInstant, ascending: bool, size: int
) -> None:
    times = {"a": 5, "b": 1, "c2": 5, "d": 5, "e": 9}
    without_time = [] if order == "initiated_at" else ["f", "g"]
    await add_contacts(
        db, *((id, {order: after(second)}) for id, second in times.items()), *((id, {}) for id in without_time)
    )
    with_time = sorted(times, key=lambda id: (times[id], id), reverse=not ascending)
    expected = with_time + sorted(without_time, reverse=not ascending)
    assert await all_pages(db, search(order=order, ascending=ascending), size) == expected
    assert await all_pages(db, search(order, order=order, ascending=ascending), size) == with_time


async def test_contact_added_between_two_pages_shifts_no_page(db: Database) -> None:
    await add_contacts(db, *((f"leg-{n}", {"initiated_at": after(n)}) for n in range(4)))
    first = await find_contacts(db, search(), 2)
    await add_contact(db, "c", "new", initiated_at=after(99))
    mark = search_position(search(), first[-1][0])
    assert await found(db, search(), 2, mark) == ["leg-1", "leg-0"]


@contextmanager
def statements(db: Database) -> Generator[list[tuple[str, Any]]]:
    """Collect the statements that run within the block, with their parameters."""
    sent: list[tuple[str, Any]] = []

    def collect(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", collect)
    yield sent
    event.remove(db.engine, "before_cursor_execute", collect)


@pytest.mark.parametrize("behind", [None, SearchPosition(after(5), "x")], ids=["first page", "further page"])
@pytest.mark.parametrize(("moment", "index"), [*zip(MOMENTS, INDEXES, strict=True)])
async def test_page_query_reads_an_index_in_order(
    db: Database, moment: ContactInstant, index: str, behind: SearchPosition | None
) -> None:
    with statements(db) as sent:
        await find_contacts(db, search(moment, order=moment), 2, behind)
    statement, parameters = next(entry for entry in sent if entry[0].startswith("SELECT"))
    async with db.read() as connection:
        if db.is_postgres:  # the plan for many rows, although the table is empty
            for method in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"):
                await connection.execute(text(f"SET LOCAL enable_{method} = off"))
        explain = "EXPLAIN" if db.is_postgres else "EXPLAIN QUERY PLAN"
        rows = await connection.exec_driver_sql(f"{explain} {statement}", parameters)
        plan = "\n".join(str(row) for row in rows)
    assert index in plan
    assert not re.search("Sort|B-TREE", plan), plan
