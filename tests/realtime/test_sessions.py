"""Sessions: remembered until their record changes, also when it changes during the read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from domain.conversation import State
from domain.errors import ConversationEnded
from realtime import sessions as module
from realtime.sessions import Sessions
from runtime.bus import Announcement, LocalBus
from store import conversations
from store.database import Database
from tests.store.sample_records import CUSTOMER, after, record, snapshot

ENDED: dict[str, Any] = {"state": State.CLOSED, "ended_at": after(60)}
RECORD_CHANGED = Announcement("c", record_changed=True)


class Commands:
    """The part of the engine client that sessions use."""

    def __init__(self) -> None:
        self.listeners: list[Any] = []

    def subscribe(self, listener: Any) -> None:
        self.listeners.append(listener)


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
def sessions(db: Database, bus: LocalBus, commands: Commands) -> Sessions:
    return Sessions(db, bus, commands)  # pyright: ignore[reportArgumentType]


async def is_over(sessions: Sessions) -> bool:
    session = await sessions.find(CUSTOMER.id, "c")
    assert session is not None
    return session.is_over


async def end_chat(db: Database) -> None:
    await record(db, "c", snapshot=snapshot(2, **ENDED))


async def test_session_is_remembered_until_its_record_changes(db: Database, bus: LocalBus, sessions: Sessions) -> None:
    assert not await is_over(sessions)
    await end_chat(db)
    assert not await is_over(sessions)
    await bus.announce(Announcement("c"))
    await bus.announce(Announcement("other", record_changed=True))
    assert not await is_over(sessions)
    await bus.announce(RECORD_CHANGED)
    assert await is_over(sessions)
    session = await sessions.find(CUSTOMER.id, "c")
    assert session
    with pytest.raises(ConversationEnded):
        session.require_active()


async def test_session_is_read_anew_after_a_command(db: Database, commands: Commands, sessions: Sessions) -> None:
    assert not await is_over(sessions)
    await end_chat(db)
    commands.listeners[0]("c")
    assert await is_over(sessions)


async def test_lost_announcement_counts_after_the_maximum_age(
    db: Database, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not await is_over(sessions)
    await end_chat(db)
    now = module.monotonic()
    monkeypatch.setattr(module, "monotonic", lambda: now + module.MAX_AGE_SECONDS)
    assert await is_over(sessions)


async def test_session_that_was_read_before_a_change_is_not_remembered(
    db: Database, bus: LocalBus, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = conversations.find_participant

    async def overtaken(db: Database, participant_id: str) -> Any:
        found = await read(db, participant_id)
        await end_chat(db)
        await bus.announce(RECORD_CHANGED)
        return found

    monkeypatch.setattr(conversations, "find_participant", overtaken)
    assert not await is_over(sessions)
    monkeypatch.setattr(conversations, "find_participant", read)
    assert await is_over(sessions)


async def test_reads_at_the_same_time_are_told_apart(
    db: Database, bus: LocalBus, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = conversations.find_participant
    may_answer = {"first": asyncio.Event(), "second": asyncio.Event()}
    begun: list[asyncio.Event] = []

    async def slow(db: Database, participant_id: str) -> Any:
        found = await read(db, participant_id)
        begun.append(list(may_answer.values())[len(begun)])
        await begun[-1].wait()
        return found

    monkeypatch.setattr(conversations, "find_participant", slow)
    first, second = (asyncio.create_task(sessions.find(CUSTOMER.id, "c")) for _ in may_answer)
    while len(begun) < len(may_answer):
        await asyncio.sleep(0)
    may_answer["second"].set()
    await second
    await end_chat(db)
    await bus.announce(RECORD_CHANGED)
    may_answer["first"].set()
    await first
    monkeypatch.setattr(conversations, "find_participant", read)
    assert await is_over(sessions)


async def test_read_ignores_what_is_remembered(db: Database, sessions: Sessions) -> None:
    assert not await is_over(sessions)
    await end_chat(db)
    session = await sessions.read(CUSTOMER.id, "c")
    assert session
    assert session.is_over


async def test_participant_of_another_conversation_has_no_session(sessions: Sessions) -> None:
    assert await sessions.find(CUSTOMER.id, "d") is None
    assert await sessions.find("nobody", "c") is None


async def test_memory_is_bounded(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONVERSATIONS", 10)
    for number in range(50):
        await sessions.find("nobody", f"c{number}")
    assert len(sessions._conversations) == 10  # pyright: ignore[reportPrivateUsage]
