"""A page 1,000 chats deep in a rehydrated past against a page of the present."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from bench.rehydration import CHATS, LAST, PAGE, fill
from bench.speed.client import Chat
from bench.speed.context import Bench
from bench.speed.measurements import cpu_of
from bench.speed.report import Row
from store.database import Database

MESSAGES = 20
READ = "application/vnd.amazonaws.connect.event.message.read"


async def past(bench: Bench) -> list[Row]:
    """CPU of a page of the first chat of a chain against CPU of a page of the chat that continues it."""
    db = Database.open(bench.product.store)
    await fill(db)
    await db.close()
    past_chats = {"RehydrationType": "ENTIRE_PAST_SESSION", "SourceContactId": LAST}
    chat = await bench.backend.start_with_agent(PersistentChat=past_chats)
    assert chat.agent
    for number in range(MESSAGES):
        message = await chat.customer.send(f"present {number}")
        await chat.customer.transcript()  # waits until the message is recorded
        # the messages of the past have receipts, too
        await chat.agent.send_event(READ, json.dumps({"messageId": message}))
    back: dict[str, Any] = {"ScanDirection": "BACKWARD", "SortOrder": "ASCENDING", "MaxResults": PAGE}
    present = partial(chat.customer.transcript, **back)
    deep = partial(chat.customer.transcript, **back, NextToken=await _deepest_token(chat, back))
    costs: dict[str, list[float]] = {"present": [], "deep": []}
    for _ in range(bench.rounds):
        for name, page in (("present", present), ("deep", deep)):
            costs[name].append((await cpu_of(bench.product, page, 300 * bench.scale, 10))[1])
    what = f"a page {CHATS} chats deep, CPU of our processes, ms"
    return [Row(what, costs["deep"], costs["present"], "the present", 1.3, more_is_better=False)]


async def _deepest_token(chat: Chat, back: dict[str, Any]) -> str:
    """The token of the last full page."""
    tokens: list[str] = []
    page = await chat.customer.transcript(**back)
    while "NextToken" in page:
        tokens.append(page["NextToken"])
        page = await chat.customer.transcript(**back, NextToken=tokens[-1])
    assert page["Transcript"][0]["Content"].endswith("chat-0001."), "the walk does not reach the first chat"
    return tokens[-2]
