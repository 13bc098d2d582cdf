"""Delivered and read receipts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest
from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import NoResultFound

from store import schema
from store.conversations import find_participant
from store.database import Database
from store.receipts import Acknowledgement, acknowledge, receipts_of
from store.records import Receipt
from tests.postgres import waits_for_a_lock
from tests.store.sample_records import (
    AGENT,
    CUSTOMER,
    after,
    count,
    deliver,
    item,
    opening,
    read,
    record,
    record_chat,
    replaced,
    snapshot,
)

PARTICIPANT = select(schema.participants.c.id).where(schema.participants.c.id == bindparam("id"))
Receipts = dict[int, tuple[datetime | None, datetime | None]]


def receipt(seq: int, participant_id: str, delivered_at: datetime, read_at: datetime | None) -> Receipt:
    return Receipt(seq=seq, participant_id=participant_id, delivered_at=delivered_at, read_at=read_at)


async def receipt_times(db: Database, participant_id: str = "c-agent", chat: str = "c") -> Receipts:
    found = await receipts_of(db, [(chat, n) for n in range(1, 100)])
    return {
        seq: (receipt.delivered_at, receipt.read_at)
        for (_, seq), receipts in found.items()
        for receipt in receipts
        if receipt.participant_id == participant_id
    }


async def watermarks(db: Database, participant_id: str = "c-agent") -> tuple[int, int]:
    found = await find_participant(db, participant_id)
    assert found is not None
    return found[0].delivered_seq, found[0].read_seq


async def test_delivered_message_can_be_read_later(db: Database) -> None:
    await record_chat(db, 1)
    assert await deliver(db, 1, 10) is True
    assert (await receipt_times(db), await watermarks(db)) == ({1: (after(10), None)}, (1, 0))
    assert await read(db, 1, 20) is True
    assert (await receipt_times(db), await watermarks(db)) == ({1: (after(10), after(20))}, (1, 1))


async def test_read_receipt_covers_delivery_and_all_earlier_messages(db: Database) -> None:
    await record_chat(db, 1, 2, 3, 4)
    await deliver(db, 2, 10)
    assert await read(db, 3, 20) is True
    assert await receipt_times(db) == {
        1: (after(10), after(20)),
        2: (after(10), after(20)),
        3: (after(20), after(20)),
    }
    assert await watermarks(db) == (3, 3)


async def test_delivery_after_a_read_receipt_affects_only_newer_messages(db: Database) -> None:
    await record_chat(db, 1, 2, 3)
    await read(db, 2, 10)
    assert await deliver(db, 2, 20) is False
    assert await deliver(db, 3, 30) is True
    assert await receipt_times(db) == {1: (after(10), after(10)), 2: (after(10), after(10)), 3: (after(30), None)}
    assert await watermarks(db) == (3, 2)


async def test_later_read_receipt_keeps_the_times_of_earlier_ones(db: Database) -> None:
    await record_chat(db, 1, 2)
    await read(db, 1, 10)
    assert await read(db, 2, 20) is True
    assert await receipt_times(db) == {1: (after(10), after(10)), 2: (after(20), after(20))}


async def test_read_receipt_below_the_delivered_message_keeps_the_delivery(db: Database) -> None:
    await record_chat(db, 1, 2)
    await deliver(db, 2, 10)
    assert await read(db, 1, 20) is True
    assert await receipt_times(db) == {1: (after(10), after(20)), 2: (after(10), None)}
    assert await watermarks(db) == (2, 1)


@pytest.mark.parametrize("acknowledged", [deliver, read])
async def test_repeated_or_older_receipt_returns_false(
    db: Database, acknowledged: Callable[[Database, int, float], Awaitable[bool]]
) -> None:
    await record_chat(db, 1, 2)
    assert await acknowledged(db, 2, 10) is True
    before = await receipt_times(db)
    assert await acknowledged(db, 2, 20) is False
    assert await acknowledged(db, 1, 30) is False
    assert await receipt_times(db) == before


async def test_own_messages_and_events_get_no_receipts(db: Database) -> None:
    await record_chat(db, 1)
    own = item(2, participant_id="c-agent", role="AGENT")
    system = item(4, participant_id=None, role="SYSTEM")
    await record(db, "c", items=[own, item(3, type="EVENT"), system, item(5)])
    await read(db, 5, 10)
    assert sorted(await receipt_times(db)) == [1, 4, 5]
    assert await deliver(db, 5, 20, "c-customer") is True
    assert sorted(await receipt_times(db, "c-customer")) == [2, 4]


async def test_receipt_of_only_own_messages_still_moves_the_watermark(db: Database) -> None:
    await record_chat(db, 1)
    assert await read(db, 1, 10, "c-customer") is True
    assert await read(db, 1, 20, "c-customer") is False
    assert (await receipt_times(db, "c-customer"), await watermarks(db, "c-customer")) == ({}, (1, 1))


async def test_receipts_are_separate_for_participants_and_conversations(db: Database) -> None:
    await record_chat(db, 1)
    await record(db, "d", opening=opening("d"), items=[item(1)])
    await record(db, "c", items=[item(2, participant_id="c-agent")])
    await read(db, 2, 10)
    await deliver(db, 2, 20, "c-customer")
    assert await receipts_of(db, [("c", 1), ("c", 2)]) == {
        ("c", 1): [receipt(1, "c-agent", after(10), after(10))],
        ("c", 2): [receipt(2, "c-customer", after(20), None)],
    }
    assert await receipts_of(db, [("d", 1)]) == {}
    assert await watermarks(db, "d-customer") == (0, 0)


async def test_message_has_the_receipts_of_all_recipients(db: Database) -> None:
    await record_chat(db)
    await record(db, "c", items=[item(1, participant_id=None)])
    await deliver(db, 1, 20, "c-customer")
    await read(db, 1, 10)
    agent, customer = receipt(1, "c-agent", after(10), after(10)), receipt(1, "c-customer", after(20), None)
    assert await receipts_of(db, [("c", 1), ("c", 7)]) == {("c", 1): [agent, customer]}


async def test_receipts_of_no_messages_are_empty(db: Database) -> None:
    await record_chat(db, 1)
    await read(db, 1, 10)
    assert await receipts_of(db, []) == {}


async def test_concurrent_equal_receipts_are_reported_once(db: Database, url: str) -> None:
    await record_chat(db, *range(1, 11))
    other = Database.open(url)
    results = await asyncio.gather(*(read((db, other)[n % 2], 10, n) for n in range(20)))
    await other.close()
    assert sum(results) == 1
    time = after(results.index(True))
    assert await receipt_times(db) == dict.fromkeys(range(1, 11), (time, time))


async def test_concurrent_receipts_cover_every_message(db: Database) -> None:
    await record_chat(db, *range(1, 21))
    await asyncio.gather(*(acknowledge_as(db, seq, 30) for seq in range(1, 21) for acknowledge_as in (deliver, read)))
    assert await receipt_times(db) == {seq: (after(30), after(30)) for seq in range(1, 21)}
    assert await watermarks(db) == (20, 20)


async def test_ten_thousand_messages_can_be_read_at_once(db: Database) -> None:
    await record_chat(db)
    async with db.write() as connection:
        rows = [{"conversation_id": "c", **item(seq).model_dump()} for seq in range(1, 10_001)]
        await connection.execute(insert(schema.items), rows)
    assert await read(db, 10_000, 20_000) is True
    assert await count(db, "receipts") == 10_000


async def test_receipt_of_an_unknown_participant_is_refused(db: Database) -> None:
    await record_chat(db, 1)
    with pytest.raises(NoResultFound):
        await read(db, 1, 10, "x")
    assert await count(db, "receipts") == 0


@pytest.mark.parametrize("seed", range(5))
async def test_group_is_recorded_as_if_each_were_recorded_alone(db: Database, seed: int) -> None:
    for chat in ("c", "d"):
        by_agent = {"participant_id": f"{chat}-agent", "role": "AGENT"}
        by_customer = {"participant_id": f"{chat}-customer"}
        items = [item(seq, **(by_agent if seq % 3 else by_customer)) for seq in range(1, 13)]
        people = tuple(replaced(each, id=f"{chat}-{each.role.lower()}") for each in (AGENT, CUSTOMER))
        await record(db, chat, opening=opening(chat), snapshot=snapshot(1, chat, participants=people), items=items)
    chance = random.Random(seed)
    steps = [(chance.choice(("agent", "customer")), chance.randint(1, 12), chance.random() < 0.5) for _ in range(10)]

    def in_chat(chat: str) -> list[Acknowledgement]:
        return [
            Acknowledgement(chat, f"{chat}-{who}", seq, f"item-{seq}", chat, read, after(n))
            for n, (who, seq, read) in enumerate(steps)
        ]

    together = await acknowledge(db, in_chat("c"))
    alone = [new for each in in_chat("d") for new in await acknowledge(db, [each])]
    assert together == alone
    assert await receipt_times(db, "c-agent") == await receipt_times(db, "d-agent", "d")
    assert await receipt_times(db, "c-customer") == await receipt_times(db, "d-customer", "d")
    for who in ("agent", "customer"):
        assert await watermarks(db, f"c-{who}") == await watermarks(db, f"d-{who}")


async def test_no_acknowledgements_write_nothing(db: Database) -> None:
    assert await acknowledge(db, []) == []


async def acknowledge_by_both(db: Database) -> None:
    await acknowledge(
        db, [Acknowledgement("c", id, 1, "item-1", "c", read=True, at=after(9)) for id in ("c-customer", "c-agent")]
    )


async def record_both(db: Database) -> None:
    await record(db, "c", snapshot=snapshot(2, participants=(CUSTOMER, AGENT)))


@pytest.mark.parametrize("write", [acknowledge_by_both, record_both])
async def test_participants_are_locked_in_one_order(db: Database, write: Callable[[Database], Awaitable[None]]) -> None:
    """In different orders, receipts and a commit could each hold the participant for which the other waits."""
    if not db.is_postgres:
        return  # SQLite runs one write at a time
    await record_chat(db, 1)
    async with db.write() as connection:
        await connection.execute(PARTICIPANT.with_for_update(), {"id": "c-agent"})
        writing = asyncio.ensure_future(write(db))
        while not await waits_for_a_lock(db):
            await asyncio.sleep(0.01)
        await connection.execute(PARTICIPANT.with_for_update(nowait=True), {"id": "c-customer"})
    await writing
