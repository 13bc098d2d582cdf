"""SIGKILL between every two steps of an assignment: the next process finds the assignment and completes it once."""

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

from configuration.current import Configuration
from domain.conversation import State
from domain.events import AcceptOffer, RejectOffer
from domain.refusals import RefusalCode
from domain.routing import AgentStatus
from engine.client import ConversationClient
from runtime.bus import LocalBus
from runtime.settings import Settings
from store.database import Database
from store.migrate import migrate
from tests.distribution.contact_centre import LIVE, PERSISTENT, ContactCentre, CountingDispatcher
from tests.distribution.crashing_process import Step
from tests.stack import run_process
from tests.store.conftest import Fresh, fresh
from tests.workflows.engine import Chat, Engine, eventually, refusal_code

__all__ = ["fresh"]

pytestmark = pytest.mark.chaos

NAME = "crashes"
INSTANCE: dict[str, Any] = {
    "workstreams": {"live": LIVE, "hasty": {**LIVE, "offer_within": "PT1S"}, "persistent": PERSISTENT},
    "agents": {user: {"name": user.upper(), "capacity": 1} for user in ("a1", "a2")},
}
TIMEOUT = 25.0
"""Timeout in seconds. Temporal gives a lost workflow task to another worker after 10 s, and its task queue after 3 s more."""

Process = AbstractContextManager[Popen[bytes]]


@dataclass(frozen=True)
class CrashScene:
    """Starts the processes, and gives access to their centre. No dispatcher runs in the test process."""

    folder: Path
    environment: dict[str, str]
    centre: ContactCentre

    def dispatcher(self, crash_step: Step = Step.NONE) -> Process:
        return self._process("dispatcher", crash_step)

    def worker(self, crash_step: Step = Step.NONE) -> Process:
        return self._process("worker", crash_step)

    def _process(self, role: str, crash_step: Step) -> Process:
        return run_process(
            "tests.distribution.crashing_process",
            self.folder,
            {**self.environment, "CRASH_ROLE": role, "CRASH_STEP": crash_step},
        )

    async def set_status(self, user: str, status: AgentStatus = AgentStatus.AVAILABLE) -> None:
        """Set the status of an agent, as soon as a process has configured them."""

        async def try_to_set() -> bool | None:
            try:
                await self.centre.set_status(user, status)
            except AssertionError:
                return None
            return True

        await eventually(try_to_set, f"{user} is configured", TIMEOUT)

    async def wait_for_stored_offer(self, chat: Chat) -> None:
        """Wait until the store has an offer for the chat."""

        async def check() -> bool | None:
            return True if (await self.centre.row(chat)).offer else None

        await eventually(check, "the offer is stored", TIMEOUT)

    async def wait_for_marked_offer(self, chat: Chat) -> None:
        """Wait until the store marks the offer as delivered. A new dispatcher signals the offer again if needed."""

        async def check() -> bool | None:
            return (await self.centre.row(chat)).delivered or None

        await eventually(check, "the offer is marked as delivered", TIMEOUT)

    async def assert_accepted_once(self, chat: Chat, user: str = "a1", offers: int = 1) -> None:
        """Assert that the agent has the chat, got exactly this many offers, and that it takes one unit."""

        async def check() -> bool | None:
            row = await self.centre.row(chat)
            return True if (row.stage, row.agent, row.holder, row.offer) == ("working", user, user, None) else None

        await eventually(check, f"{user} has the chat", TIMEOUT)
        state = await chat.state()
        assert (state.state, state.agent and state.agent.user, state.offer) == (State.ACTIVE, user, None)
        assert sum(note.what.startswith("offered") for note in state.change_notes) == offers
        agent = await self.centre.agent(user)
        assert (agent.load, agent.missed_offers, agent.status) == (1, 0, AgentStatus.AVAILABLE)
        other = await self.centre.load("a2" if user == "a1" else "a1")
        assert other == 0


async def wait_for_crash(process: Popen[bytes]) -> None:
    """Wait until a process has been killed."""

    async def check() -> bool | None:
        return True if process.poll() is not None else None

    await eventually(check, "the process is killed", TIMEOUT)
    assert process.returncode == -signal.SIGKILL


@pytest.fixture
async def site(fresh: Fresh, environment: WorkflowEnvironment, tmp_path: Path) -> AsyncGenerator[CrashScene]:
    client, settings = environment.client, Settings.model_validate({"instances": {NAME: INSTANCE}})
    async with fresh() as url:
        environment_variables = {
            "TEMPORAL_ADDRESS": client.service_client.config.target_host,
            "PERENNIAL_STORE_URL": url,
            "PERENNIAL_INSTANCES": json.dumps({NAME: INSTANCE}),
            "PERENNIAL_ARCHIVE_URL": "off",
        }
        db, bus = Database.open(url), LocalBus()
        await migrate(db)
        configuration, conversations = Configuration(settings.instances, db, bus), ConversationClient(client, settings)
        idle_dispatcher = CountingDispatcher(db, bus, conversations, configuration)
        yield CrashScene(
            tmp_path,
            environment_variables,
            ContactCentre(Engine(client, db), NAME, conversations, bus, configuration, idle_dispatcher),
        )
        await db.close()


@pytest.mark.parametrize(
    "step", [Step.OFFER_STORED, Step.OFFER_SIGNALLED, Step.OFFER_MARKED], ids=lambda step: step.name
)
async def test_offer_is_accepted_once_when_its_dispatcher_was_killed(site: CrashScene, step: Step) -> None:
    with site.worker():
        with site.dispatcher(crash_step=step) as crashing:
            await site.set_status("a1")
            chat = await site.centre.start()
            await wait_for_crash(crashing)
            row = await site.centre.row(chat)
            assert row.offer, "the offer is stored"
            assert row.delivered is (step is Step.OFFER_MARKED)
        with site.dispatcher():
            await site.wait_for_marked_offer(chat)
            await site.centre.accept_offer(chat, "a1")
            await site.assert_accepted_once(chat)
            await site.centre.finish(chat)
            next_chat = await site.centre.start()
            await site.centre.accept_offer(next_chat, "a1")
            await site.centre.finish(next_chat)


async def test_another_dispatcher_completes_the_offer_of_a_killed_one(site: CrashScene) -> None:
    with site.worker(), site.dispatcher(crash_step=Step.OFFER_STORED) as crashing:
        await site.set_status("a1")
        chat = await site.centre.start()
        await wait_for_crash(crashing)
        with site.dispatcher(), site.dispatcher():
            await site.wait_for_marked_offer(chat)
            await site.centre.accept_offer(chat, "a1")
            await site.assert_accepted_once(chat)
            next_chat = await site.centre.start()
            await site.set_status("a2")
            await site.centre.accept_offer(next_chat, "a2")
            await site.centre.finish(chat, next_chat)


@pytest.mark.parametrize("step", [Step.ACCEPTANCE_DECIDED, Step.ACCEPTANCE_STORED], ids=lambda step: step.name)
async def test_acceptance_is_recorded_once_when_the_worker_was_killed(site: CrashScene, step: Step) -> None:
    with site.dispatcher():
        await site.set_status("a1")
        with site.worker(crash_step=step) as crashing:
            chat = await site.centre.start()
            offer = await site.centre.wait_for_offer(chat)
            accepting = asyncio.create_task(chat.ask(AcceptOffer(offer_id=offer.id, by="a1")))
            await wait_for_crash(crashing)
            assert (await site.centre.row(chat)).stage == ("queued" if step is Step.ACCEPTANCE_DECIDED else "working")
        with site.worker():
            assert await asyncio.wait_for(accepting, TIMEOUT) is None
            await site.assert_accepted_once(chat)
            await site.centre.finish(chat)


@pytest.mark.parametrize("step", [Step.REJECTION_DECIDED, Step.REJECTION_STORED], ids=lambda step: step.name)
async def test_rejection_is_recorded_once_when_the_worker_was_killed(site: CrashScene, step: Step) -> None:
    with site.dispatcher():
        await site.set_status("a1")
        with site.worker(crash_step=step) as crashing:
            chat = await site.centre.start()
            offer = await site.centre.wait_for_offer(chat)
            rejecting = asyncio.create_task(chat.ask(RejectOffer(offer_id=offer.id, by="a1")))
            await wait_for_crash(crashing)
            await site.set_status("a2")
        with site.worker():
            assert refusal_code(await asyncio.wait_for(rejecting, TIMEOUT)) in (None, RefusalCode.OFFER_OVER)
            await site.centre.accept_offer(chat, "a2")
            await site.assert_accepted_once(chat, "a2", offers=2)
            await site.centre.finish(chat)


async def test_offer_made_without_a_worker_can_be_accepted_later(site: CrashScene) -> None:
    with site.dispatcher():
        await site.set_status("a1", AgentStatus.AWAY)
        with site.worker() as crashing:
            chat = await site.centre.start()
            crashing.kill()
        await site.set_status("a1")
        await site.wait_for_stored_offer(chat)
        with site.worker():
            await site.centre.accept_offer(chat, "a1")
            await site.assert_accepted_once(chat)
            await site.centre.finish(chat)


async def test_offer_that_expires_without_a_worker_frees_the_agent(site: CrashScene) -> None:
    """A dispatcher revokes the offer. The late placement of the conversation changes nothing."""
    with site.dispatcher():
        await site.set_status("a1", AgentStatus.AWAY)
        with site.worker() as crashing:
            chat = await site.centre.start("hasty")
            crashing.kill()
        await site.set_status("a1")
        await site.wait_for_stored_offer(chat)

        async def revoked() -> bool | None:
            agent = await site.centre.agent("a1")
            return True if agent.load == 0 else None

        await eventually(revoked, "the offer is revoked", TIMEOUT)
        with site.worker():
            await chat.wait_until(lambda state: state.offer is None, "the conversation has no offer")
            agent = await site.centre.agent("a1")
            assert (agent.load, agent.missed_offers) == (0, 0), "a revoked offer does not count as missed"
            await site.set_status("a2")
            await site.centre.accept_offer(chat, "a2")
            await site.centre.finish(chat)


async def test_all_chats_are_assigned_when_all_processes_were_killed(site: CrashScene) -> None:
    """Kills all processes while many chats are being assigned. Afterwards all chats are assigned within the capacity."""
    with site.worker() as worker, site.dispatcher() as dispatcher:
        await asyncio.gather(site.set_status("a1"), site.set_status("a2"))
        chats = [await site.centre.start() for _ in range(6)]
        worker.kill()
        dispatcher.kill()
    remaining = list(chats)
    with site.worker(), site.dispatcher():
        while remaining:
            loads = [await site.centre.load(user) for user in ("a1", "a2")]
            assert max(loads) <= 1
            states = [await chat.state() for chat in remaining]
            for chat, state in zip(list(remaining), states, strict=True):
                if state.offer:
                    await site.centre.accept_offer(chat)
                    await site.centre.finish(chat)
                    remaining.remove(chat)
        assert [await site.centre.load(user) for user in ("a1", "a2")] == [0, 0]
    assert all([(await site.centre.agent(user)).missed_offers == 0 for user in ("a1", "a2")])
