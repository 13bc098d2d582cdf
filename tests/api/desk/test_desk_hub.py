"""The desks of one process, on a store alone: what a client cannot bring about at will."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from store.board import desk
from store.board.agents import configure
from store.board.desk import AgentId
from store.board.presence import set_presence
from store.board.values import Presence

from api.live import desk_hub
from api.live.desk_hub import DeskHub, Listener
from runtime.bus import LocalBus, board_has_changed
from store.database import Database
from tests.store.conftest import db, fresh, migrated, url
from tests.routing.routing_records import agent, staff
from tests.store.sample_records import (INSTANCE, START)
__all__ = ["db", "fresh", "migrated", "url"]

ANN = AgentId(INSTANCE, "ann")
WAIT = 5
MOODS = (Presence.BUSY, Presence.AWAY)


class Ear(Listener):
    def __init__(self) -> None:
        self.dropped = asyncio.Event()
        super().__init__(ANN, drop=self._dropped)
        self.code: int | None = None

    def _dropped(self, code: int) -> None:
        self.code = code
        self.dropped.set()

    async def hear(self) -> dict[str, Any]:
        return json.loads(await asyncio.wait_for(self.frames.get(), WAIT))

    async def hear_up_to(self, seq: int) -> list[int]:
        """The numbers of the events after the hello, until that one."""
        numbers: list[int] = []
        while not numbers or numbers[-1] < seq:
            frame = await self.hear()
            assert frame["type"] == "presence"
            numbers.append(frame["seq"])
        return numbers


@pytest.fixture
async def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
async def hub(db: Database, bus: LocalBus) -> AsyncGenerator[DeskHub]:
    await staff(db, agent("ann"))
    hub = DeskHub(db, bus)
    yield hub
    await hub.stop()


async def change(db: Database, times: int = 1) -> int:
    """Tells ann something that often. Returns the number of the last."""
    for number in range(times):
        await set_presence(db, INSTANCE, "ann", MOODS[number % 2], START)
    return (await desk.heads(db, [ANN]))[ANN].seq


async def test_each_socket_goes_on_where_it_was(db: Database, hub: DeskHub) -> None:
    last = await change(db, 6)
    early, late, new = Ear(), Ear(), Ear()
    for ear, after in ((early, last - 5), (late, last - 2), (new, None)):
        assert await hub.join(ear, after)
        assert (await ear.hear())["type"] == "hello"
    await hub.start()
    assert await early.hear_up_to(last) == [last - 4, last - 3, last - 2, last - 1, last]
    assert await late.hear_up_to(last) == [last - 1, last]
    assert new.frames.empty()


async def test_what_is_announced_is_sent_at_once_and_what_is_not_soon(
    db: Database, hub: DeskHub, bus: LocalBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_hub, "LOOK_SECONDS", 3.0)
    ear = Ear()
    await hub.start()
    await hub.join(ear, None)
    await ear.hear()
    await asyncio.sleep(0.3)
    last = await change(db, 2)
    await asyncio.sleep(0.3)
    assert ear.frames.empty(), "it has not been announced"
    await bus.announce(board_has_changed(INSTANCE, "support"))
    assert len(await asyncio.wait_for(ear.hear_up_to(last), 1)) == 2
    last = await change(db, 2)
    assert len(await ear.hear_up_to(last)) == 2


async def test_who_has_missed_too_much_reads_anew(db: Database, hub: DeskHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_hub, "MOST_RESUMED", 3)
    last = await change(db, 6)
    for missed, types in ((3, ["hello"]), (4, ["hello", "reset"])):
        ear = Ear()
        await hub.join(ear, last - missed)
        assert [(await ear.hear())["type"] for _ in types] == types
        assert ear.frames.empty()


async def test_a_slow_socket_is_dropped_and_holds_up_nobody(
    db: Database, hub: DeskHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = Ear(), Ear()
    slow.frames = asyncio.Queue(3)
    for ear in (slow, quick):
        await hub.join(ear, None)
    await hub.start()
    await quick.hear()
    last = await change(db, 6)
    assert len(await quick.hear_up_to(last)) == 6
    assert (slow.code, quick.code) == (1013, None)


async def test_the_desk_of_who_is_no_agent_any_more_is_closed(db: Database, hub: DeskHub) -> None:
    ear = Ear()
    await hub.join(ear, None)
    await configure(db, INSTANCE, [], START)
    await hub.start()
    await asyncio.wait_for(ear.dropped.wait(), WAIT)
    assert ear.code == 4003
    assert not await hub.join(Ear(), None)
