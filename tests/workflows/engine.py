"""Conversations on a real Temporal server and a real store, without the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from configuration.current import Configuration
from domain.conversation import ConversationOpening, Mode
from domain.events import Assign, Close, Command, End, Message
from domain.policy import DEFAULTS, Policy
from domain.refusals import Refusal, RefusalCode
from domain.transcript import EVENT_PREFIX, TranscriptItem
from runtime.bus import LocalBus
from runtime.settings import Settings
from store import transcript
from store.database import Database
from worker import build_worker
from workflows import search_attributes
from workflows.contract import WORKFLOW, CommandRequest, CommandResult, StartConversation
from workflows.conversation import Conversation
from workflows.state import ConversationState

T = TypeVar("T")

UNCONFIGURED = "unconfigured"
"""A workstream that no configuration has. Its conversations keep the policy of their start."""


async def eventually(find: Callable[[], Awaitable[T | None]], what: str, seconds: float = 60) -> T:
    """Call `find` until it returns a value, and return that value. `what` describes it in the failure message."""
    deadline = asyncio.get_running_loop().time() + seconds
    while (found := await find()) is None:
        assert asyncio.get_running_loop().time() < deadline, f"timed out before: {what}"
        await asyncio.sleep(0.02)
    return found


def refusal_code(refusal: Refusal | None) -> RefusalCode | None:
    """The code of a refusal, or None without a refusal."""
    return refusal.code if refusal else None


@dataclass(frozen=True)
class Engine:
    """A Temporal server and a store."""

    client: Client
    db: Database

    @asynccontextmanager
    async def worker(
        self,
        *,
        cached: int = 1_000,
        archive: str = "off",
        bus: LocalBus | None = None,
        instances: dict[str, Any] | None = None,
        configuration: Configuration | None = None,
        scanner: str | None = None,
    ) -> AsyncGenerator[Worker, None]:
        """Run a worker as `python -m worker` builds it.

        Args:
            cached: the number of conversations in its cache; a small cache exercises replay.
            archive: the URL of the archive.
            bus: the bus of its announcements.
            instances: the configured instances.
            configuration: a changeable configuration instead of `instances`.
            scanner: the address of the scanner of attachments.
        """
        settings = Settings.model_validate(
            {
                "cached_conversations": cached,
                "archive_url": archive,
                "instances": instances or {},
                "webhook_loopback": True,
                "attachment_scanner": scanner,
            }
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
        task_timeout: timedelta | None = None,
        **policy: Any,
    ) -> Chat:
        """Start a conversation. The default queue has the name of the mode; `policy` changes the defaults of the mode.

        The conversation keeps this policy, unless the configuration of its worker has the `workstream`.
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
            search_attributes=search_attributes.at_start(opening),
            task_timeout=task_timeout,
        )
        return Chat(self, contact_id, handle)


@dataclass(frozen=True)
class Chat:
    """One conversation."""

    engine: Engine
    id: str
    handle: WorkflowHandle[Any, Any]

    async def signal(self, name: str, body: Any = None) -> None:
        """Send a signal with plain JSON to the current run."""
        current = self.engine.client.get_workflow_handle(self.id)
        await current.signal(name, args=[] if body is None else [body])

    async def ask(self, command: Command) -> Refusal | None:
        """Send a command and return its refusal.

        The server drops an update together with a task that it repeats, for example when a signal arrives as the conversation
        ends. `ConversationClient` sends the command again then, and so does this method.
        """
        present = self.engine.client.get_workflow_handle(self.id)

        async def send() -> CommandResult | None:
            try:
                return await present.execute_update("ask", CommandRequest(command=command), result_type=CommandResult)
            except RPCError as error:
                if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                    raise
                return None

        return (await eventually(send, f"{command.kind} is answered")).refused

    async def assign(self, user: str = "a1") -> Refusal | None:
        """Assign the chat to an agent."""
        return await self.ask(Assign(user=user, name=user.upper(), by="test"))

    async def end(self, by: str = "agent") -> Refusal | None:
        """End the chat."""
        return await self.ask(End(by=by))

    async def close(self) -> Refusal | None:
        """Close the wrap-up."""
        return await self.ask(Close())

    async def do(self, *commands: Command) -> None:
        """Send commands one after the other. None may be refused."""
        for command in commands:
            assert await self.ask(command) is None, command

    async def send(self, content: str, by: str = "customer") -> None:
        """Send a message and wait until the store has it."""
        id = str(uuid4())
        await self.signal("message", {"id": id, "content": content, "by": by})

        async def find() -> bool | None:
            return True if any(item.id == id for item in await self.items()) else None

        await eventually(find, f"{content!r} is recorded")

    async def renew(self) -> None:
        """Make the workflow continue as new, and wait until its new run has begun."""
        before = await self.run_id()
        await self.signal("renew")

        async def find() -> bool | None:
            return True if await self.run_id() != before else None

        await eventually(find, "it continues as new")
        await self.state()  # a worker that stops now would hold the first task of the new run for ten seconds

    async def run_id(self) -> str | None:
        """The id of the current run."""
        return (await self.engine.client.get_workflow_handle(self.id).describe()).run_id

    async def state(self) -> ConversationState:
        """The state of the conversation, from a query."""
        return await self.engine.client.get_workflow_handle(self.id).query(Conversation.status)

    async def wait_until(self, reached: Callable[[ConversationState], bool], what: str) -> ConversationState:
        """Wait until `reached` is true for the state, and return the state."""

        async def find() -> ConversationState | None:
            try:
                state = await self.state()
            except RPCError:
                return None
            return state if reached(state) else None

        return await eventually(find, what)

    async def runs(self) -> int:
        """The number of runs, including the current one."""
        query = f"WorkflowId = '{self.id}'"

        async def find() -> int | None:
            found = [run async for run in self.engine.client.list_workflows(query)]
            first = any(run.run_id == self.handle.first_execution_run_id for run in found)
            return len(found) if first else None

        return await eventually(find, "the runs are listed")

    async def pending_activity(self) -> str | None:
        """The name of the pending regular activity, if any."""
        description = await self.engine.client.get_workflow_handle(self.id).describe()
        pending = description.raw_description.pending_activities
        return pending[0].activity_type.name if pending else None

    async def first_item(self) -> TranscriptItem | None:
        """The first stored item, if any."""
        return next(iter(await self.items()), None)

    async def items(self) -> list[TranscriptItem]:
        """The stored transcript, oldest first."""
        span = transcript.PageStart(0, forward=True)
        return await transcript.page(self.engine.db, self.id, span, 100_000)

    async def contents(self) -> list[str]:
        """The transcript as texts: the content of each message, the name of each event."""
        return [item.content or item.content_type.removeprefix(EVENT_PREFIX) for item in await self.items()]
