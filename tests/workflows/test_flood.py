"""Two thousand messages into one conversation, over several runs: each exactly once, in order."""

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
from store.database import Database
from store.migrate import migrate
from tests.stack import running
from tests.workflows.engine import Chat, Engine, eventually

pytestmark = pytest.mark.chaos

MESSAGES = 2_000
RECYCLE_AFTER = 400


async def test_signals_one_by_one(engine: Engine) -> None:
    async with engine.working():
        chat = await engine.start(recycle_after=RECYCLE_AFTER)
        for number in range(MESSAGES):
            await chat.signal("message", {"content": str(number), "by": "customer"})
        await said_in_order(chat)
        assert await chat.runs() >= 3


async def test_messages_gathered_by_the_gateway(engine: Engine) -> None:
    async with engine.working():
        chat = await engine.start(recycle_after=RECYCLE_AFTER)
        client = ConversationClient(engine.client, Settings())
        await asyncio.gather(*(client.send_message(chat.id, words(chat, number)) for number in range(MESSAGES)))
        await said_in_order(chat)


async def test_each_message_repeated_stands_once(engine: Engine) -> None:
    async with engine.working():
        chat = await engine.start(recycle_after=RECYCLE_AFTER)
        client = ConversationClient(engine.client, Settings())
        for start in range(0, 400, 40):
            some = [words(chat, number) for number in range(start, start + 40)]
            await asyncio.gather(*(client.send_message(chat.id, each) for each in (*some, *some)))
        await said_in_order(chat, 400)


async def test_the_largest_messages(engine: Engine) -> None:
    chat = await engine.start()
    client = ConversationClient(engine.client, Settings())
    largest = "\x01" * 16_384  # each of these characters takes six in JSON
    sent = [words(chat, number).model_copy(update={"content": largest}) for number in range(100)]
    await asyncio.gather(*(client.send_message(chat.id, each) for each in sent))
    async with engine.working():
        await recorded(chat, 101)
        assert [item.id for item in (await chat.items())[1:]] == [each.id for each in sent]


async def test_the_worker_killed_twice_in_between(environment: WorkflowEnvironment, tmp_path: Path) -> None:
    db = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    await migrate(db)
    address = environment.client.service_client.config.target_host
    engine = Engine(environment.client, db)
    chat = await engine.start(Mode.LIVE, recycle_after=RECYCLE_AFTER)

    async def flood(start: int, end: int) -> None:
        for number in range(start, end):
            await chat.signal("message", {"content": str(number), "by": "customer"})

    for start, end in ((0, 700), (700, 1_400)):
        with running("worker", tmp_path, environment_of(address, tmp_path)) as process:
            flooding = asyncio.create_task(flood(start, end))
            await recorded(chat, start + 200)
            process.send_signal(signal.SIGKILL)
        await flooding
    with running("worker", tmp_path, environment_of(address, tmp_path)):
        await flood(1_400, MESSAGES)
        await said_in_order(chat)
        assert await chat.runs() >= 3
    await db.close()


def environment_of(address: str, folder: Path) -> dict[str, str]:
    """What a worker is told: which Temporal, which store."""
    return {"TEMPORAL_ADDRESS": address, "PERENNIAL_STORE_URL": f"sqlite:///{folder / 'store.db'}"}


def words(chat: Chat, number: int) -> Message:
    """A message as the API passes it on."""
    return Message(
        id=f"{chat.id}-{number}",
        at=datetime.now(UTC),
        by=f"{chat.id}-customer",
        role=Role.CUSTOMER,
        name="Ada",
        content=str(number),
        content_type="text/plain",
    )


async def recorded(chat: Chat, count: int) -> None:
    """Waits until so many items stand in the store."""

    async def look() -> bool | None:
        return True if len(await chat.items()) >= count else None

    await eventually(look, f"{count} items are recorded", seconds=60)


async def said_in_order(chat: Chat, count: int = MESSAGES) -> None:
    """Every message once, in the order in which it was sent, with a strictly increasing time."""
    await recorded(chat, count + 1)
    items = await chat.items()
    assert [item.content for item in items[1:]] == [str(number) for number in range(count)]
    assert [item.seq for item in items] == list(range(1, count + 2))
    times = [item.at for item in items]
    assert times == sorted(set(times))
