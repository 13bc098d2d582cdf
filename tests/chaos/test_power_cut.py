"""A power cut in the default durability: what was not synced is thrown away, and every chat goes on.

With `synchronous=NORMAL` SQLite syncs the write-ahead log, of the store and of Temporal, only before it copies the log into the
file. So without the logs the files are as a power cut leaves them at worst, unless it comes during the copy. With
`PERENNIAL_DURABILITY=power` each commit is synced, so nothing is thrown away. That is SQLite's promise, and not tested here.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import aiohttp
import pytest

from chaos.calls import BACKEND, Caller, Seated
from chaos.deployment import DEFAULT, EMBEDDED, deployed
from chaos.journal import Journal
from chaos.settings import INSTANCE, PERSISTENT

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

CHATS, SYNCED, MESSAGES = 5, 10, 25
"""After `SYNCED` messages in each chat everything is synced. The logs are so small that nothing is after it."""
PATIENCE_SECONDS = 60


async def test_chats_go_on_after_what_was_not_synced_is_gone(tmp_path: Path) -> None:
    async with deployed(EMBEDDED, DEFAULT, tmp_path) as deployment, aiohttp.ClientSession() as session:
        caller = Caller(session, deployment.doors, Random(1), Journal())
        seats = [await begin_chat(caller) for _ in range(CHATS)]
        sent = [f"message {number}" for number in range(MESSAGES)]
        for number, text in enumerate(sent):
            await asyncio.gather(*(say(seat, text) for seat in seats))
            if number + 1 == SYNCED:
                assert await asyncio.gather(*map(texts, seats)) == [sent[:SYNCED]] * CHATS
                copy_logs(tmp_path)
        assert await asyncio.gather(*map(texts, seats)) == [sent] * CHATS

        whole = deployment.parts["perennial"]
        await whole.end(signal.SIGKILL)
        for log in [*tmp_path.glob("*.db-wal"), *tmp_path.glob("*.db-shm")]:
            log.unlink()
        whole.start()
        await whole.until_ready()

        async with asyncio.timeout(PATIENCE_SECONDS):
            for seat in seats:
                kept = await texts(seat)
                # Temporal and the store lose different parts: what Temporal kept is written again, after what is lost
                assert kept[:SYNCED] == sent[:SYNCED]
                assert kept == [text for text in sent if text in kept]
                await say(seat, "after the cut")
                while (await texts(seat))[-1:] != ["after the cut"]:
                    await asyncio.sleep(0.2)


def copy_logs(folder: Path) -> None:
    """Have SQLite sync the logs and copy them into their files."""
    for file in folder.glob("*.db"):
        with closing(sqlite3.connect(file, timeout=30)) as connection:
            blocked, pages, copied = connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
            assert (blocked, copied) == (0, pages)


async def begin_chat(caller: Caller) -> Seated:
    body = {"InstanceId": INSTANCE, "ContactFlowId": PERSISTENT, "ParticipantDetails": {"DisplayName": "Ada"}}
    answer = await caller.ask("PUT", "/contact/chat", body, **BACKEND)
    seat = Seated(caller, answer.body["ParticipantToken"])
    assert await seat.connect()
    return seat


async def say(seat: Seated, text: str) -> None:
    assert (await seat.send(text)).is_good


async def texts(seat: Seated) -> list[str]:
    """The messages of people, oldest first."""
    items = await seat.transcript()
    assert items is not None
    return [
        item["Content"] for item in reversed(items) if item.get("ParticipantRole") == "CUSTOMER" and "Content" in item
    ]
