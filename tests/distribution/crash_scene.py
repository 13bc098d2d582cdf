"""Real processes that a test can kill: dispatchers and workers of one instance, on a store of their own."""

from __future__ import annotations

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
from domain.routing import AgentStatus
from engine.client import ConversationClient
from runtime.bus import LocalBus
from runtime.settings import Settings
from store.database import Database
from store.migrate import migrate
from tests.distribution.contact_centre import LIVE, PERSISTENT, ContactCentre, CountingDispatcher
from tests.distribution.crashing_process import DISPATCHER_RUNS, Step
from tests.stack import run_process
from tests.store.conftest import Fresh
from tests.workflows.engine import Chat, Engine, eventually

MODULE = "tests.distribution.crashing_process"
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
            MODULE,
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

    async def wait_for_dispatchers(self, count: int) -> None:
        """Wait until so many dispatchers have started."""

        async def check() -> bool | None:
            log = (self.folder / f"{MODULE}.log").read_text()
            return log.count(DISPATCHER_RUNS) >= count or None

        await eventually(check, f"{count} dispatchers run", TIMEOUT)

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
