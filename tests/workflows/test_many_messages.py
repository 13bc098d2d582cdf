"""Two thousand messages to one conversation over several runs: each is recorded exactly once, in order."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.conversation import Mode
from domain.events import Message
from domain.participants import Role
from engine.client import ConversationClient
from runtime.settings import Settings
from tests import sqlite
from tests.stack import run_process
from tests.workflows.engine import Chat, Engine, eventually

pytestmark = pytest.mark.chaos

MESSAGES = 2_000
RECYCLE_AFTER = 400


async def test_single_signals_are_recorded_in_order(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start(recycle_after=RECYCLE_AFTER)
        for number in range(MESSAGES):
            await chat.signal("message", {"content": str(number), "by": "customer"})
        await assert_recorded_in_order(chat)
        assert await chat.runs() >= 3


async def test_batched_messages_are_recorded_in_order(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start(recycle_after=RECYCLE_AFTER)
        client = ConversationClient(engine.client, Settings())
        await asyncio.gather(*(client.send_message(chat.id, message(chat, number)) for number in range(MESSAGES)))
        await assert_recorded_in_order(chat)


async def test_repeated_messages_are_recorded_once(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start(recycle_after=RECYCLE_AFTER)
        client = ConversationClient(engine.client, Settings())
        for start in range(0, 400, 40):
            batch = [message(chat, number) for number in range(start, start + 40)]
            await asyncio.gather(*(client.send_message(chat.id, each) for each in (*batch, *batch)))
        await assert_recorded_in_order(chat, 400)


async def test_largest_messages_are_recorded(engine: Engine) -> None:
    chat = await engine.start()
    client = ConversationClient(engine.client, Settings())
    largest = "\x01" * 16_384  # each of these characters takes six in JSON
    sent = [message(chat, number).model_copy(update={"content": largest}) for number in range(100)]
    await asyncio.gather(*(client.send_message(chat.id, each) for each in sent))
    async with engine.worker():
        await wait_until_recorded(chat, 101)
        assert [item.id for item in (await chat.items())[1:]] == [each.id for each in sent]


async def test_messages_are_recorded_once_when_the_worker_is_killed_twice(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    address = environment.client.service_client.config.target_host
    async with sqlite.store(tmp_path) as db:
        engine = Engine(environment.client, db)
        chat = await engine.start(Mode.LIVE, recycle_after=RECYCLE_AFTER)

        async def send_messages(start: int, end: int) -> None:
            for number in range(start, end):
                await chat.signal("message", {"content": str(number), "by": "customer"})

        for start, end in ((0, 700), (700, 1_400)):
            with run_process("worker", tmp_path, worker_environment(address, tmp_path)) as process:
                sending = asyncio.create_task(send_messages(start, end))
                await wait_until_recorded(chat, start + 200)
                process.send_signal(signal.SIGKILL)
            await sending
        with run_process("worker", tmp_path, worker_environment(address, tmp_path)):
            await send_messages(1_400, MESSAGES)
            await assert_recorded_in_order(chat)
            assert await chat.runs() >= 3


def worker_environment(address: str, folder: Path) -> dict[str, str]:
    """The environment variables of a worker."""
    return {"TEMPORAL_ADDRESS": address, "PERENNIAL_STORE_URL": f"sqlite:///{folder / 'store.db'}"}


def message(chat: Chat, number: int) -> Message:
    """A customer message as the API sends it."""
    return Message(
        id=f"{chat.id}-{number}",
        at=datetime.now(UTC),
        by=f"{chat.id}-customer",
        role=Role.CUSTOMER,
        name="Ada",
        content=str(number),
        content_type="text/plain",
    )


async def wait_until_recorded(chat: Chat, count: int) -> None:
    """Wait until the store has this many items."""

    async def check() -> bool | None:
        return True if len(await chat.items()) >= count else None

    await eventually(check, f"{count} items are recorded", seconds=60)


async def assert_recorded_in_order(chat: Chat, count: int = MESSAGES) -> None:
    """Assert that each message is recorded once, in the order of sending, with strictly increasing times."""
    await wait_until_recorded(chat, count + 1)
    items = await chat.items()
    assert [item.content for item in items[1:]] == [str(number) for number in range(count)]
    assert [item.seq for item in items] == list(range(1, count + 2))
    times = [item.at for item in items]
    assert times == sorted(set(times))
