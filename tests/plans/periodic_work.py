"""All periodic tasks of an API process and of a worker, on a filled store where nothing happens."""

from __future__ import annotations

import ast
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from temporalio.client import Client

from api.app import build_services
from configuration.current import Configuration
from engine.client import ConversationClient
from engine.unreached_customers import UnreachedCustomers
from realtime.agent_event_feed import AgentEventSubscriber, DeskId
from realtime.socket import FrameQueue
from realtime.transcript_feed import TranscriptSubscriber
from routing.agent_events import AgentId
from routing.agents import agent_states
from runtime.bus import LocalBus
from runtime.periodic import PeriodicTask
from runtime.settings import Settings
from store.agent_identities import begin_identity
from store.database import Database
from tests.plans.filled_store import ANN, CHAT, SUPPORT, WORKSTREAM
from tests.store.sample_records import INSTANCE
from tests.test_vocabulary import SOURCES
from webhooks.configured_endpoints import ConfiguredEndpoints
from webhooks.receivers import Receivers
from webhooks.sender import WebhookSender
from webhooks.streamed_chats import StreamedChats

Site = tuple[Path, int]


@dataclass
class Tasks:
    """The work of the tasks, and the lines that make them."""

    work: list[Callable[[], Awaitable[object]]] = field(default_factory=list[Callable[[], Awaitable[object]]])
    made_at: set[Site] = field(default_factory=set[Site])

    async def run(self) -> None:
        """Run each task once, in the order in which they were made."""
        for work in self.work:
            await work()


def all_sites() -> set[Site]:
    """The lines of the code that make a periodic task."""
    return {
        (path, node.lineno)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == PeriodicTask.__name__
    }


@asynccontextmanager
async def periodic_tasks(db: Database) -> AsyncGenerator[Tasks]:
    """The tasks of an API process, with a socket of a customer and one of an agent."""
    tasks, make = Tasks(), PeriodicTask.__init__

    def note(task: PeriodicTask, purpose: str, work: Callable[[], Awaitable[object]], *rest: Any, **more: Any) -> None:
        maker = inspect.stack()[1]
        tasks.work.append(work)
        tasks.made_at.add((Path(maker.filename), maker.lineno))
        make(task, purpose, work, *rest, **more)

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(PeriodicTask, "__init__", note)
        settings, bus = await _settings(db), LocalBus()
        configuration = Configuration(settings.instances, db, bus)
        # never connected: where nothing happens, no conversation is called
        engine = ConversationClient(await Client.connect("127.0.0.1:1", lazy=True), settings)
        services = build_services(settings, db, bus, configuration, engine)
        chats, receivers = StreamedChats(db), Receivers(hosts=(), loopback=False)
        WebhookSender(db, bus, ConfiguredEndpoints(db, configuration, chats), chats, receivers, AsyncMock())
        UnreachedCustomers(db, configuration, None)
    frames = FrameQueue(on_overflow=lambda: None)
    assert await services.transcripts.join(TranscriptSubscriber(f"{CHAT}-customer", CHAT, frames))
    identity = await begin_identity(db, INSTANCE, ANN)
    ann = TranscriptSubscriber(f"{CHAT}-agent", CHAT, frames, agent_identity=identity)
    assert await services.transcripts.join(ann)
    desk = DeskId(AgentId(INSTANCE, ANN), identity)
    agent = AgentEventSubscriber(desk, frames, close=lambda _: None)
    assert await services.agent_events.join(agent)
    yield tasks
    for part in reversed(services.background):
        await part.stop()


async def _settings(db: Database) -> Settings:
    """The configuration of the agents in the store, who are supervisors, too. Their customers get their positions."""
    agents = {
        state.user: {"name": state.name, "capacity": state.capacity, "queues": [SUPPORT], "supervisor": True}
        for state in await agent_states(db, INSTANCE, datetime.now(UTC))
    }
    workstream = {
        "mode": "live",
        "queue": SUPPORT,
        "unreached_after": 60,
        "texts": {"position_in_queue": "{PeopleAhead} ahead of you."},
    }
    instance = {"workstreams": {WORKSTREAM: workstream}, "agents": agents}
    return Settings.model_validate({"instances": {INSTANCE: instance}, "archive_url": "off", "token_keys": ["k" * 32]})
