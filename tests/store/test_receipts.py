from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import NoResultFound

from store import schema
from store.conversations import find_participant, record
from store.database import Database
from store.records import Receipt
from store.transcript import acknowledge, receipts_of
from tests.store.making import after, count, item, opening, talk

Seen = dict[int, tuple[datetime | None, datetime | None]]


async def deliver(db: Database, seq: int, at: float, who: str = "c-agent") -> bool:
    return await acknowledge(db, "c", who, seq, read=False, at=after(at))


async def read(db: Database, seq: int, at: float, who: str = "c-agent") -> bool:
    return await acknowledge(db, "c", who, seq, read=True, at=after(at))


async def seen(db: Database, who: str = "c-agent") -> Seen:
    found = await receipts_of(db, [("c", n) for n in range(1, 100)])
    return {
        seq: (receipt.delivered_at, receipt.read_at)
        for (_, seq), receipts in found.items()
        for receipt in receipts
        if receipt.participant_id == who
    }


async def watermarks(db: Database, who: str = "c-agent") -> tuple[int, int]:
    found = await find_participant(db, who)
    assert found is not None
    return found[0].delivered_seq, found[0].read_seq


async def test_a_delivered_message_can_be_read_later(db: Database) -> None:
    await talk(db, 1)
    assert await deliver(db, 1, 10) is True
    assert (await seen(db), await watermarks(db)) == ({1: (after(10), None)}, (1, 0))
    assert await read(db, 1, 20) is True
    assert (await seen(db), await watermarks(db)) == ({1: (after(10), after(20))}, (1, 1))


async def test_reading_implies_delivery_and_everything_before(db: Database) -> None:
    await talk(db, 1, 2, 3, 4)
    await deliver(db, 2, 10)
    assert await read(db, 3, 20) is True
    assert await seen(db) == {
        1: (after(10), after(20)),
        2: (after(10), after(20)),
        3: (after(20), after(20)),
    }
    assert await watermarks(db) == (3, 3)


async def test_delivery_after_reading_concerns_only_what_is_new(db: Database) -> None:
    await talk(db, 1, 2, 3)
    await read(db, 2, 10)
    assert await deliver(db, 2, 20) is False
    assert await deliver(db, 3, 30) is True
    assert await seen(db) == {1: (after(10), after(10)), 2: (after(10), after(10)), 3: (after(30), None)}
    assert await watermarks(db) == (3, 2)


async def test_reading_on_leaves_the_moment_of_what_was_read_before(db: Database) -> None:
    await talk(db, 1, 2)
    await read(db, 1, 10)
    assert await read(db, 2, 20) is True
    assert await seen(db) == {1: (after(10), after(10)), 2: (after(20), after(20))}


async def test_reading_less_than_was_delivered_takes_no_delivery_back(db: Database) -> None:
    await talk(db, 1, 2)
    await deliver(db, 2, 10)
    assert await read(db, 1, 20) is True
    assert await seen(db) == {1: (after(10), after(20)), 2: (after(10), None)}
    assert await watermarks(db) == (2, 1)


@pytest.mark.parametrize("acknowledged", [deliver, read])
async def test_what_was_known_already_is_not_news(
    db: Database, acknowledged: Callable[[Database, int, float], Awaitable[bool]]
) -> None:
    await talk(db, 1, 2)
    assert await acknowledged(db, 2, 10) is True
    before = await seen(db)
    assert await acknowledged(db, 2, 20) is False
    assert await acknowledged(db, 1, 30) is False
    assert await seen(db) == before


async def test_own_messages_and_events_get_no_receipt(db: Database) -> None:
    await talk(db, 1)
    mine = item(2, participant_id="c-agent", role="AGENT")
    system = item(4, participant_id=None, role="SYSTEM")
    await record(db, "c", items=[mine, item(3, type="EVENT"), system, item(5)])
    await read(db, 5, 10)
    assert sorted(await seen(db)) == [1, 4, 5]
    assert await deliver(db, 5, 20, "c-customer") is True
    assert sorted(await seen(db, "c-customer")) == [2, 4]


async def test_own_messages_alone_move_the_watermark(db: Database) -> None:
    await talk(db, 1)
    assert await read(db, 1, 10, "c-customer") is True
    assert await read(db, 1, 20, "c-customer") is False
    assert (await seen(db, "c-customer"), await watermarks(db, "c-customer")) == ({}, (1, 1))


async def test_receipts_of_one_participant_or_conversation_are_not_anothers(db: Database) -> None:
    await talk(db, 1)
    await record(db, "d", opening=opening("d"), items=[item(1)])
    await record(db, "c", items=[item(2, participant_id="c-agent")])
    await read(db, 2, 10)
    await deliver(db, 2, 20, "c-customer")
    assert await receipts_of(db, [("c", 1), ("c", 2)]) == {
        ("c", 1): [Receipt(1, "c-agent", after(10), after(10))],
        ("c", 2): [Receipt(2, "c-customer", after(20), None)],
    }
    assert await receipts_of(db, [("d", 1)]) == {}
    assert await watermarks(db, "d-customer") == (0, 0)


async def test_a_message_has_the_receipts_of_all_who_got_it(db: Database) -> None:
    await talk(db)
    await record(db, "c", items=[item(1, participant_id=None)])
    await deliver(db, 1, 20, "c-customer")
    await read(db, 1, 10)
    agent, customer = Receipt(1, "c-agent", after(10), after(10)), Receipt(1, "c-customer", after(20), None)
    assert await receipts_of(db, [("c", 1), ("c", 7)]) == {("c", 1): [agent, customer]}


async def test_no_messages_have_no_receipts(db: Database) -> None:
    await talk(db, 1)
    await read(db, 1, 10)
    assert await receipts_of(db, []) == {}


async def test_the_same_receipt_at_once_is_news_once(db: Database, url: str) -> None:
    await talk(db, *range(1, 11))
    other = Database.open(url)
    news = await asyncio.gather(*(read((db, other)[n % 2], 10, n) for n in range(20)))
    await other.close()
    assert sum(news) == 1
    when = after(news.index(True))
    assert await seen(db) == dict.fromkeys(range(1, 11), (when, when))


async def test_receipts_that_arrive_at_once_leave_no_message_out(db: Database) -> None:
    await talk(db, *range(1, 21))
    await asyncio.gather(*(act(db, seq, 30) for seq in range(1, 21) for act in (deliver, read)))
    assert await seen(db) == {seq: (after(30), after(30)) for seq in range(1, 21)}
    assert await watermarks(db) == (20, 20)


async def test_very_many_messages_can_be_read_at_once(db: Database) -> None:
    await talk(db)
    async with db.write() as connection:
        rows = [{"conversation_id": "c", **asdict(item(seq))} for seq in range(1, 10_001)]
        await connection.execute(insert(schema.items), rows)
    assert await read(db, 10_000, 20_000) is True
    assert await count(db, "receipts") == 10_000


async def test_nobody_can_acknowledge_for_a_stranger(db: Database) -> None:
    await talk(db, 1)
    with pytest.raises(NoResultFound):
        await read(db, 1, 10, "x")
    assert await count(db, "receipts") == 0
