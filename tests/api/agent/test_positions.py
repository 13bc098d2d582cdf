"""Customers of live chats are told their place in the queue when it changes, and not again while it stays."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select

from routing.queues import WAIT_WINDOW
from store import schema
from store.database import Database
from tests.api.calls import Api
from tests.api.desk.seats import Seat, waits
from tests.compat.chats import Chat, eventually

PLACES = ("People ahead of you", "You're next")


def told(api: Api, chat: Chat) -> list[str]:
    items = api.send("GetTranscript", {"SortOrder": "ASCENDING"}, chat=chat).json()["Transcript"]
    return [item["Content"] for item in items if item.get("Content", "").startswith(PLACES)]


def test_places_are_told_as_they_change(api: Api, a1: Seat) -> None:
    first, silent, third = (waits(api, a1, name, "shelf") for name in ("shelf", "silent-shelf", "shelf"))
    eventually(lambda: told(api, third) == ["People ahead of you: 2"], "place of the third")
    eventually(lambda: told(api, first) == ["You're next in line."], "place of the first")
    a1.pick(first, "shelf").raise_for_status()
    eventually(lambda: len(told(api, third)) == 2, "place of who was the third")
    a1.pick(silent, "shelf").raise_for_status()
    eventually(lambda: len(told(api, third)) == 3, "place of who is the first now")
    assert told(api, third) == ["People ahead of you: 2", "People ahead of you: 1", "You're next in line."]
    assert (told(api, silent), told(api, first)) == ([], ["You're next in line."])


async def test_waits_that_say_nothing_any_more_are_forgotten(api: Api) -> None:
    db = Database.open(f"sqlite:///{api.stack.folder / 'store.db'}")
    ages = {"old": WAIT_WINDOW + timedelta(minutes=1), "late": WAIT_WINDOW - timedelta(minutes=1)}
    rows = [
        {
            "instance": "demo",
            "queue": "past",
            "milliseconds": 1,
            "conversation_id": id,
            "taken_at": datetime.now(UTC) - age,
        }
        for id, age in ages.items()
    ]
    async with db.write() as connection:
        await connection.execute(insert(schema.routing_waits), rows)

    async def known() -> list[str]:
        async with db.read() as connection:
            waits = schema.routing_waits.c
            query = select(waits.conversation_id).where(waits.queue == "past")
            return list((await connection.execute(query)).scalars())

    while "old" in await known():
        await asyncio.sleep(0.05)
    assert await known() == ["late"]
    await db.close()
