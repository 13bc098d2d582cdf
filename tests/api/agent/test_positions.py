"""Customers of live chats receive their queue position when it changes, and only then."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select

from routing.queues import WAIT_WINDOW
from store import schema
from store.database import Database
from tests.api.agent.agent_client import AgentClient, start_waiting_chat
from tests.api.calls import Api
from tests.compat.chats import Chat, eventually

POSITION_TEXTS = ("People ahead of you", "You're next")


def position_texts(api: Api, chat: Chat) -> list[str]:
    items = api.send("GetTranscript", {"SortOrder": "ASCENDING"}, chat=chat).json()["Transcript"]
    return [item["Content"] for item in items if item.get("Content", "").startswith(POSITION_TEXTS)]


def test_customers_receive_their_queue_position_when_it_changes(api: Api, a1: AgentClient) -> None:
    first, silent, third = (start_waiting_chat(api, a1, name, "shelf") for name in ("shelf", "silent-shelf", "shelf"))
    eventually(lambda: position_texts(api, third) == ["People ahead of you: 2"], "position of the third chat")
    eventually(lambda: position_texts(api, first) == ["You're next in line."], "position of the first chat")
    a1.pick(first, "shelf").raise_for_status()
    eventually(lambda: len(position_texts(api, third)) == 2, "second position of the third chat")
    a1.pick(silent, "shelf").raise_for_status()
    eventually(lambda: len(position_texts(api, third)) == 3, "last position of the third chat")
    assert position_texts(api, third) == ["People ahead of you: 2", "People ahead of you: 1", "You're next in line."]
    assert (position_texts(api, silent), position_texts(api, first)) == ([], ["You're next in line."])


async def test_old_waiting_times_are_deleted(api: Api) -> None:
    db = Database.open(f"sqlite:///{api.stack.folder / 'store.db'}")
    ages = {"old": WAIT_WINDOW + timedelta(minutes=1), "late": WAIT_WINDOW - timedelta(minutes=1)}
    rows = [
        {
            "instance": "demo",
            "queue": "past",
            "milliseconds": 1,
            "conversation_id": id,
            "assigned_at": datetime.now(UTC) - age,
        }
        for id, age in ages.items()
    ]
    async with db.write() as connection:
        await connection.execute(insert(schema.routing_waits), rows)

    async def stored_ids() -> list[str]:
        async with db.read() as connection:
            columns = schema.routing_waits.c
            query = select(columns.conversation_id).where(columns.queue == "past")
            return list((await connection.execute(query)).scalars())

    while "old" in await stored_ids():
        await asyncio.sleep(0.05)
    assert await stored_ids() == ["late"]
    await db.close()
