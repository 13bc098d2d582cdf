"""Conversations on a real Temporal server, recorded in a real store, without the API in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import Worker

from configuration.current import Configuration
from domain.conversation import ConversationOpening, Mode
from domain.events import Assign, Close, Command, End, Message
from domain.policy import DEFAULTS, Policy
from domain.refusals import Refusal, RefusalCode
from domain.transcript import TranscriptItem
from runtime.bus import LocalBus
from runtime.settings import Settings
from store import transcript
from store.database import Database
from worker import build_worker
from workflows import search
from workflows.contract import WORKFLOW, CommandRequest, CommandResult, StartConversation
from workflows.conversation import Conversation
from workflows.state import ConversationState

T = TypeVar("T")

EVENT = "application/vnd.amazonaws.connect.event."

UNCONFIGURED = "unconfigured"
"""A workstream that no configuration has: its conversations keep the policy that they are started with."""


async def eventually(look: Callable[[], Awaitable[T | None]], what: str, seconds: float = 20) -> T:
    """What `look` finds once it finds something."""
    deadline = asyncio.get_running_loop().time() + seconds
    while (found := await look()) is None:
        assert asyncio.get_running_loop().time() < deadline, f"never happened: {what}"
        await asyncio.sleep(0.02)
    return found


def code(refusal: Refusal | None) -> RefusalCode | None:
    """The code of a refusal; None for none."""
    return refusal.code if refusal else None


@dataclass(frozen=True)
class Engine:
    """A Temporal server and a store."""

    client: Client
    db: Database

    @asynccontextmanager
    async def working(
        self,
        *,
        cached: int = 1_000,
        archive: str = "off",
        bus: LocalBus | None = None,
        instances: dict[str, Any] | None = None,
        configuration: Configuration | None = None,
    ) -> AsyncGenerator[Worker, None]:
        """A worker as `python -m worker` builds it.

        Args:
            cached: how many conversations it keeps; few exercise replay.
            archive: the URL of the archive.
            bus: the bus on which it announces.
            instances: the tenants that are configured.
            configuration: instead of them, one that can be changed.
        """
        settings = Settings.model_validate(
            {"cached_conversations": cached, "archive_url": archive, "instances": instances or {}}
        )
        bus = bus or LocalBus()
        configuration = configuration or Configuration(settings.instances, self.db, bus)
        async with build_worker(self.client, settings, self.db, bus, configuration) as worker:
            yield worker

    async def start(
        self,
        mode: Mode = Mode.LIVE,
        *,
        greeting: str | None = None,
        recycle_after: int = 2_000,
        id: str | None = None,
        queue: str | None = None,
        workstream: str = UNCONFIGURED,
        customer_id: str | None = None,
        attributes: dict[str, str] | None = None,
        **policy: Any,
    ) -> Chat:
        """A new conversation, in a queue that is called as its mode; `policy` changes the mode's defaults.

        It keeps that policy, whatever its worker is configured with, unless it names a `workstream` of that configuration.
        """
        contact_id = id or str(uuid4())
        opening = ConversationOpening(
            contact_id=contact_id,
            instance="demo",
            workstream=workstream,
            queue=queue or mode.value,
            mode=mode,
            started_at=datetime.now(UTC),
            customer_participant_id=f"{contact_id}-customer",
            customer_name="Ada",
            customer_id=customer_id,
            attributes=attributes or {},
        )
        start = StartConversation(
            opening=opening,
            policy=Policy(**{**DEFAULTS[mode].model_dump(), **policy}),
            initial_message=Message(id=f"{contact_id}-greeting", by=opening.customer_participant_id, content=greeting)
            if greeting
            else None,
            recycle_after=recycle_after,
        )
        handle = await self.client.start_workflow(
            WORKFLOW,
            start,
            id=contact_id,
            task_queue=Settings().temporal_task_queue,
            search_attributes=search.at_start(opening),
        )
        return Chat(self, contact_id, handle)


@dataclass(frozen=True)
class Chat:
    """One conversation."""

    engine: Engine
    id: str
    handle: WorkflowHandle[Any, Any]

    async def signal(self, name: str, body: Any = None) -> None:
        """A signal with plain JSON, to whichever run is the present one."""
        present = self.engine.client.get_workflow_handle(self.id)
        await present.signal(name, args=[] if body is None else [body])

    async def ask(self, command: Command) -> Refusal | None:
        """Send a command; return its refusal."""
        present = self.engine.client.get_workflow_handle(self.id)
        answer: CommandResult = await present.execute_update(
            "ask", CommandRequest(command=command), result_type=CommandResult
        )
        return answer.refused

    async def assign(self, user: str = "a1") -> Refusal | None:
        """Gives it to an agent."""
        return await self.ask(Assign(user=user, name=user.upper(), by="test"))

    async def end(self, by: str = "agent") -> Refusal | None:
        """Ends it."""
        return await self.ask(End(by=by))

    async def close(self) -> Refusal | None:
        """Closes its wrap-up."""
        return await self.ask(Close())

    async def do(self, *commands: Command) -> None:
        """Commands one after the other, none of which is refused."""
        for command in commands:
            assert await self.ask(command) is None, command

    async def say(self, content: str, by: str = "customer") -> None:
        """A message; returns when it is recorded."""
        id = str(uuid4())
        await self.signal("message", {"id": id, "content": content, "by": by})

        async def look() -> bool | None:
            return True if any(item.id == id for item in await self.items()) else None

        await eventually(look, f"{content!r} is recorded")

    async def renew(self) -> None:
        """Has it continue as new; returns when its new run is under way."""
        before = await self.run_id()
        await self.signal("renew")

        async def look() -> bool | None:
            return True if await self.run_id() != before else None

        await eventually(look, "it continues as new")
        await self.state()  # else a worker that stops now takes the new run's first task with it, for ten seconds

    async def run_id(self) -> str | None:
        """The id of its present run."""
        return (await self.engine.client.get_workflow_handle(self.id).describe()).run_id

    async def state(self) -> ConversationState:
        """Its state, asked of the workflow."""
        return await self.engine.client.get_workflow_handle(self.id).query(Conversation.status)

    async def until(self, reached: Callable[[ConversationState], bool], what: str) -> ConversationState:
        """Its state once that is reached."""

        async def look() -> ConversationState | None:
            try:
                state = await self.state()
            except RPCError:
                return None
            return state if reached(state) else None

        return await eventually(look, what)

    async def runs(self) -> int:
        """How many runs it has had, the present one included."""
        query = f"WorkflowId = '{self.id}'"

        async def look() -> int | None:
            found = [run async for run in self.engine.client.list_workflows(query)]
            first = any(run.run_id == self.handle.first_execution_run_id for run in found)
            return len(found) if first else None

        return await eventually(look, "the runs are listed")

    async def pending_activity(self) -> str | None:
        """The ordinary activity that is on its way, if there is one."""
        description = await self.engine.client.get_workflow_handle(self.id).describe()
        pending = description.raw_description.pending_activities
        return pending[0].activity_type.name if pending else None

    async def first_item(self) -> TranscriptItem | None:
        """Its first item, once it is recorded."""
        return next(iter(await self.items()), None)

    async def items(self) -> list[TranscriptItem]:
        """Its transcript, from the store, oldest first."""
        span = transcript.PageStart(0, forward=True)
        return await transcript.page(self.engine.db, self.id, span, 100_000)

    async def words(self) -> list[str]:
        """Its transcript in short: what was said, and events by name."""
        return [item.content or item.content_type.removeprefix(EVENT) for item in await self.items()]
