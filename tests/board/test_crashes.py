"""`kill -9` between every two steps of an assignment: whoever comes next finds what was begun, and finishes it once."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from api.gateway import Gateway
from configuration.current import Configuration
from runtime.bus import LocalBus
from runtime.settings import Settings
from store.board.values import Presence
from store.database import Database
from store.migrate import migrate
from tests.board.dying import Step
from tests.board.floor import LIVE, PERSISTENT, Floor, Watched
from tests.stack import running
from tests.store.conftest import Fresh, fresh
from tests.workflows.engine import Chat, Engine, eventually
from workflows.events import Accept, Reject
from workflows.values import State

__all__ = ["fresh"]

pytestmark = pytest.mark.chaos

NAME = "crashes"
INSTANCE: dict[str, Any] = {
    "workstreams": {"live": LIVE, "hasty": {**LIVE, "offer_within": "PT1S"}, "persistent": PERSISTENT},
    "agents": {user: {"name": user.upper(), "capacity": 1} for user in ("a1", "a2")},
}
SOON = 25.0
"""Seconds. A workflow task that its worker took with it is given to another after ten, its queue after three more."""

Process = AbstractContextManager[Popen[bytes]]


@dataclass(frozen=True)
class Site:
    """Where the processes run, and the floor as the test sees it; nothing of it dispatches in this process."""

    folder: Path
    environment: dict[str, str]
    floor: Floor

    def dispatcher(self, dies_at: Step = Step.NONE) -> Process:
        return self._process("dispatcher", dies_at)

    def worker(self, dies_at: Step = Step.NONE) -> Process:
        return self._process("worker", dies_at)

    def _process(self, what: str, dies_at: Step) -> Process:
        return running("tests.board.dying", self.folder, {**self.environment, "DIES_AS": what, "DIES_AT": dies_at})

    async def become(self, user: str, presence: Presence = Presence.AVAILABLE) -> None:
        """An agent says how they are, as soon as somebody knows them."""

        async def known() -> bool | None:
            try:
                await self.floor.become(user, presence)
            except AssertionError:
                return None
            return True

        await eventually(known, f"{user} is known", SOON)

    async def is_offered(self, chat: Chat) -> None:
        """Returns once the board offers it."""

        async def look() -> bool | None:
            return True if (await self.floor.row(chat)).offer else None

        await eventually(look, "it is offered", SOON)

    async def is_told(self, chat: Chat) -> None:
        """Returns once the store knows that it has been told of its offer; a new dispatcher tells it again if need be."""

        async def look() -> bool | None:
            return (await self.floor.row(chat)).told or None

        await eventually(look, "it is told", SOON)

    async def accepted_once(self, chat: Chat, user: str = "a1", offers: int = 1) -> None:
        """Makes sure that it is with an agent, who was asked for it only once, and takes one place."""

        async def look() -> bool | None:
            row = await self.floor.row(chat)
            return True if (row.stage, row.agent, row.holder, row.offer) == ("working", user, user, None) else None

        await eventually(look, f"it is with {user}", SOON)
        state = await chat.state()
        assert (state.state, state.agent and state.agent.user, state.offer) == (State.ACTIVE, user, None)
        assert sum(note.what.startswith("offered") for note in state.change_notes) == offers
        agent = await self.floor.agent(user)
        assert (agent.load, agent.missed, agent.presence) == (1, 0, Presence.AVAILABLE)
        other = await self.floor.load("a2" if user == "a1" else "a1")
        assert other == 0


async def dead(process: Popen[bytes]) -> None:
    """Returns once a process has been killed."""

    async def look() -> bool | None:
        return True if process.poll() is not None else None

    await eventually(look, "it dies", SOON)
    assert process.returncode == -signal.SIGKILL


@pytest.fixture
async def site(fresh: Fresh, environment: WorkflowEnvironment, tmp_path: Path) -> AsyncGenerator[Site]:
    client, settings = environment.client, Settings.model_validate({"instances": {NAME: INSTANCE}})
    async with fresh() as url:
        told = {
            "TEMPORAL_ADDRESS": client.service_client.config.target_host,
            "PERENNIAL_STORE_URL": url,
            "PERENNIAL_INSTANCES": json.dumps({NAME: INSTANCE}),
            "PERENNIAL_ARCHIVE_URL": "off",
        }
        db, bus = Database.open(url), LocalBus()
        await migrate(db)
        configuration, gateway = Configuration(settings.instances, db, bus), Gateway(client, settings)
        unused = Watched(db, bus, gateway, configuration)
        yield Site(tmp_path, told, Floor(Engine(client, db), NAME, gateway, bus, configuration, unused))
        await db.close()


@pytest.mark.parametrize("step", [Step.OFFERED, Step.TOLD, Step.NOTED], ids=lambda step: step.name)
async def test_the_dispatcher_is_killed(site: Site, step: Step) -> None:
    with site.worker():
        with site.dispatcher(dies_at=step) as dying:
            await site.become("a1")
            chat = await site.floor.start()
            await dead(dying)
            row = await site.floor.row(chat)
            assert row.offer, "what was begun stands"
            assert row.told is (step is Step.NOTED)
        with site.dispatcher():
            await site.is_told(chat)
            await site.floor.accept(chat, "a1")
            await site.accepted_once(chat)
            await site.floor.over(chat)
            behind = await site.floor.start()
            await site.floor.accept(behind, "a1")
            await site.floor.over(behind)


async def test_another_dispatcher_finishes_what_a_dead_one_began(site: Site) -> None:
    with site.worker(), site.dispatcher(dies_at=Step.OFFERED) as dying:
        await site.become("a1")
        chat = await site.floor.start()
        await dead(dying)
        with site.dispatcher(), site.dispatcher():
            await site.is_told(chat)
            await site.floor.accept(chat, "a1")
            await site.accepted_once(chat)
            behind = await site.floor.start()
            await site.become("a2")
            await site.floor.accept(behind, "a2")
            await site.floor.over(chat, behind)


@pytest.mark.parametrize("step", [Step.ACCEPTED, Step.ACCEPTED_RECORDED], ids=lambda step: step.name)
async def test_the_worker_is_killed_as_it_accepts(site: Site, step: Step) -> None:
    with site.dispatcher():
        await site.become("a1")
        with site.worker(dies_at=step) as dying:
            chat = await site.floor.start()
            offer = await site.floor.offered(chat)
            accepting = asyncio.create_task(chat.ask(Accept(offer_id=offer.id, by="a1")))
            await dead(dying)
            assert (await site.floor.row(chat)).stage == ("queued" if step is Step.ACCEPTED else "working")
        with site.worker():
            assert await asyncio.wait_for(accepting, SOON) is None
            await site.accepted_once(chat)
            await site.floor.over(chat)


@pytest.mark.parametrize("step", [Step.REJECTED, Step.REJECTED_RECORDED], ids=lambda step: step.name)
async def test_the_worker_is_killed_as_it_hears_of_a_rejection(site: Site, step: Step) -> None:
    with site.dispatcher():
        await site.become("a1")
        with site.worker(dies_at=step) as dying:
            chat = await site.floor.start()
            offer = await site.floor.offered(chat)
            rejecting = asyncio.create_task(chat.ask(Reject(offer_id=offer.id, by="a1")))
            await dead(dying)
            await site.become("a2")
        with site.worker():
            assert await asyncio.wait_for(rejecting, SOON) in (None, "the offer is over")
            await site.floor.accept(chat, "a2")
            await site.accepted_once(chat, "a2", offers=2)
            await site.floor.over(chat)


async def test_what_is_offered_while_no_worker_runs_is_accepted_afterwards(site: Site) -> None:
    with site.dispatcher():
        await site.become("a1", Presence.AWAY)
        with site.worker() as dying:
            chat = await site.floor.start()
            dying.kill()
        await site.become("a1")
        await site.is_offered(chat)
        with site.worker():
            await site.floor.accept(chat, "a1")
            await site.accepted_once(chat)
            await site.floor.over(chat)


async def test_an_offer_whose_time_passes_while_no_worker_runs_holds_nobody(site: Site) -> None:
    """The board takes it back itself, and the conversation's word of it, late, changes nothing more."""
    with site.dispatcher():
        await site.become("a1", Presence.AWAY)
        with site.worker() as dying:
            chat = await site.floor.start("hasty")
            dying.kill()
        await site.become("a1")
        await site.is_offered(chat)

        async def taken_back() -> bool | None:
            agent = await site.floor.agent("a1")
            return True if agent.load == 0 else None

        await eventually(taken_back, "it is taken back", SOON)
        with site.worker():
            await chat.until(lambda state: state.offer is None, "it knows")
            agent = await site.floor.agent("a1")
            assert (agent.load, agent.missed) == (0, 0), "it was not theirs to answer"
            await site.become("a2")
            await site.floor.accept(chat, "a2")
            await site.floor.over(chat)


async def test_everything_is_killed_at_once(site: Site) -> None:
    """Many chats, in all stages of being assigned; then each is with somebody, and nobody has too many."""
    with site.worker() as worker, site.dispatcher() as dispatcher:
        await asyncio.gather(site.become("a1"), site.become("a2"))
        chats = [await site.floor.start() for _ in range(6)]
        worker.kill()
        dispatcher.kill()
    left = list(chats)
    with site.worker(), site.dispatcher():
        while left:
            loads = [await site.floor.load(user) for user in ("a1", "a2")]
            assert max(loads) <= 1
            states = [await chat.state() for chat in left]
            for chat, state in zip(list(left), states, strict=True):
                if state.offer:
                    await site.floor.accept(chat)
                    await site.floor.over(chat)
                    left.remove(chat)
        assert [await site.floor.load(user) for user in ("a1", "a2")] == [0, 0]
    assert all([(await site.floor.agent(user)).missed == 0 for user in ("a1", "a2")])
