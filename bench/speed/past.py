"""A page 1,000 chats deep in a rehydrated past against a page of the present, and one with files against one without."""

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
FILES_OF_A_PAGE = PAGE // 5
READ = "application/vnd.amazonaws.connect.event.message.read"


async def past(bench: Bench) -> list[Row]:
    """CPU of a page of the first chat of a chain against a page of the chat that continues it, and of one with files."""
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
    without_files, with_files = await _deep_tokens(chat, back)
    deep = partial(chat.customer.transcript, **back, NextToken=without_files)
    files = partial(chat.customer.transcript, **back, NextToken=with_files)
    costs: dict[str, list[float]] = {"present": [], "deep": [], "files": []}
    for _ in range(bench.rounds):
        for name, page in (("present", present), ("deep", deep), ("files", files)):
            costs[name].append((await cpu_of(bench.product, page, 300 * bench.scale, 10))[1])
    what = f"a page {CHATS} chats deep, CPU of our processes, ms"
    files_what = f"a page with {FILES_OF_A_PAGE} files, as deep, CPU of our processes, ms"
    return [
        Row(what, costs["deep"], costs["present"], "the present", 1.3, more_is_better=False),
        Row(files_what, costs["files"], costs["deep"], "without files", 1.1, more_is_better=False),
    ]


async def _deep_tokens(chat: Chat, back: dict[str, Any]) -> tuple[str, str]:
    """The tokens of the last full page, and of the last full page with `FILES_OF_A_PAGE` files."""
    tokens: list[str] = []
    with_files = ""
    page = await chat.customer.transcript(**back)
    while "NextToken" in page:
        tokens.append(page["NextToken"])
        page = await chat.customer.transcript(**back, NextToken=tokens[-1])
        if sum(item["Type"] == "ATTACHMENT" for item in page["Transcript"]) == FILES_OF_A_PAGE:
            with_files = tokens[-1]
    assert page["Transcript"][0]["Content"].endswith("chat-0001."), "the walk does not reach the first chat"
    assert with_files, "no page has files"
    return tokens[-2], with_files
