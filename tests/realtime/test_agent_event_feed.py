"""The feed of agent events alone, on a store: cases that a client cannot force."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest

from domain.routing import AgentStatus
from realtime import agent_event_feed
from realtime.agent_event_feed import AgentEventFeed, AgentEventSubscriber, DeskId
from realtime.socket import TOO_SLOW, CloseReason, FrameQueue
from routing import agent_events as stored_events
from routing.agent_events import AgentId
from routing.agent_status import set_agent_status
from routing.agents import configure_agents
from runtime.bus import LocalBus, routing_has_changed
from store import schema
from store.agent_identities import end_identities
from store.database import Database
from tests.routing.routing_records import agent, staff
from tests.store.conftest import db, url
from tests.store.sample_records import INSTANCE, START

__all__ = ["db", "url"]

ANN = AgentId(INSTANCE, "ann")
WAIT = 5
STATUSES = (AgentStatus.BUSY, AgentStatus.AWAY)


class Client(AgentEventSubscriber):
    """The socket of a client, without the network. Its agent has signed in with this identity."""

    def __init__(self, after: int | None = None, max_bytes: int = 100_000, identity: str = "first") -> None:
        self.is_closed = asyncio.Event()
        self.code: int | None = None
        frames = FrameQueue(lambda: self._close(TOO_SLOW), max_bytes)
        super().__init__(DeskId(ANN, identity), frames, self._close, after)

    def _close(self, reason: CloseReason) -> None:
        self.code = reason.code
        self.is_closed.set()

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(WAIT):
            return json.loads((await self.frames.get()).text)

    async def receive_until(self, seq: int) -> list[int]:
        """The numbers of the events after `hello`, until that one."""
        numbers: list[int] = []
        while not numbers or numbers[-1] < seq:
            frame = await self.receive()
            assert frame["type"] == "status"
            numbers.append(frame["seq"])
        return numbers


@pytest.fixture
async def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
async def feed(db: Database, bus: LocalBus) -> AsyncGenerator[AgentEventFeed]:
    await staff(db, agent("ann"))
    await sign_in(db)
    feed = AgentEventFeed(db, bus)
    yield feed
    await feed.stop()


async def sign_in(db: Database, identity: str = "first") -> None:
    row = {"instance": INSTANCE, "user": "ann", "id": identity}
    async with db.write() as connection:
        await db.insert_new(connection, schema.agent_identities, [row])


async def change_status(db: Database, times: int = 1) -> int:
    """Change the status of Ann several times. Return the number of the last event."""
    for number in range(times):
        await set_agent_status(db, INSTANCE, "ann", STATUSES[number % 2], START)
    return (await stored_events.event_heads(db, [ANN]))[ANN].seq


async def test_each_socket_resumes_at_its_cursor(db: Database, feed: AgentEventFeed) -> None:
    last = await change_status(db, 6)
    early, late, new = Client(last - 5), Client(last - 2), Client(None)
    for client in (early, late, new):
        assert await feed.join(client)
        assert (await client.receive())["type"] == "hello"
    await feed.start()
    assert await early.receive_until(last) == [last - 4, last - 3, last - 2, last - 1, last]
    assert await late.receive_until(last) == [last - 1, last]
    assert new.frames.empty()


async def test_announced_events_are_sent_at_once_and_others_at_the_next_poll(db: Database, bus: LocalBus) -> None:
    await staff(db, agent("ann"))
    await sign_in(db)
    feed, client = AgentEventFeed(db, bus, poll_interval=timedelta(seconds=3)), Client()
    await feed.start()
    await feed.join(client)
    await client.receive()
    await asyncio.sleep(0.3)
    last = await change_status(db, 2)
    await asyncio.sleep(0.3)
    assert client.frames.empty(), "the event is not announced"
    await bus.announce(routing_has_changed(INSTANCE, "support"))
    assert len(await asyncio.wait_for(client.receive_until(last), 1)) == 2
    last = await change_status(db, 2)
    assert len(await client.receive_until(last)) == 2
    await feed.stop()


async def test_client_that_missed_too_many_events_gets_a_reset(
    db: Database, feed: AgentEventFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_event_feed, "MAX_MISSED_EVENTS", 3)
    last = await change_status(db, 6)
    for missed, types in ((3, ["hello"]), (4, ["hello", "reset"])):
        client = Client(last - missed)
        await feed.join(client)
        assert [(await client.receive())["type"] for _ in types] == types
        assert client.frames.empty()
        if missed == 3:
            assert len(await client.receive_until(last)) == 3


async def test_slow_socket_is_closed_and_delays_no_other(db: Database, feed: AgentEventFeed) -> None:
    slow, quick = Client(max_bytes=500), Client()
    for client in (slow, quick):
        await feed.join(client)
    await feed.start()
    await quick.receive()
    last = await change_status(db, 6)
    assert len(await quick.receive_until(last)) == 6
    assert (slow.code, quick.code) == (1013, None)


async def test_socket_of_a_deleted_agent_is_closed(db: Database, feed: AgentEventFeed) -> None:
    client = Client()
    await feed.join(client)
    await configure_agents(db, INSTANCE, [], START)
    await feed.start()
    async with asyncio.timeout(WAIT):
        await client.is_closed.wait()
    assert client.code == 4003
    assert not await feed.join(Client())


async def test_socket_of_an_agent_who_was_configured_anew_is_closed(db: Database, feed: AgentEventFeed) -> None:
    earlier, new = Client(), Client(identity="second")
    await feed.join(earlier)
    async with db.write() as connection:
        await end_identities(connection, INSTANCE, ["ann"])
    await sign_in(db, "second")
    await feed.join(new)
    await feed.start()
    async with asyncio.timeout(WAIT):
        await earlier.is_closed.wait()
    assert (earlier.code, new.code) == (4003, None)
    await new.receive()
    last = await change_status(db)
    assert await new.receive_until(last) == [last]
