"""A write whose result comes late: it ends while a query is answered. In a replay it comes one task earlier (SDK 1.35)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.worker import (
    ContinueAsNewInput,
    HandleQueryInput,
    Interceptor,
    UnsandboxedWorkflowRunner,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from activities.recording import Recorder
from domain.events import AnyEvent
from runtime.settings import Settings
from store.conversations import Written
from tests.workflows.engine import Chat, Engine
from workflows.contract import WORKFLOW, Commit, StartConversation
from workflows.state import ConversationState


class Meeting:
    """Has a write begin and end while a query is answered."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._loop = asyncio.get_running_loop()
        self._asked, self._written = asyncio.Event(), asyncio.Event()

    async def write(self, recorder: Recorder, commit: Commit) -> Written:
        """Write once the worker answers the query. It does not wait for ever: the query can reach the server too late."""
        try:
            await asyncio.wait_for(self._asked.wait(), timeout=2)
            return await WRITE(recorder, commit)
        finally:
            self._written.set()

    def answer(self) -> None:
        """Delay the answer until the write has ended. Called in the thread of the workflow."""
        if not self._asked.is_set():
            asyncio.run_coroutine_threadsafe(self._delay(), self._loop).result()

    async def _delay(self) -> None:
        self._asked.set()
        await self._written.wait()
        await self._chat.run_id()  # takes longer than the result of the write needs to the core of the SDK


WRITE = Recorder._write  # pyright: ignore[reportPrivateUsage]


class Interceptions(Interceptor):
    """Calls `before_query` before each query, and `before_continuing` in each task that continues as new."""

    def __init__(
        self, *, before_query: Callable[[], None] = lambda: None, before_continuing: Callable[[], None] = lambda: None
    ) -> None:
        self._before_query = before_query
        self._before_continuing = before_continuing

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """See `Interceptor`."""
        before_query, before_continuing = self._before_query, self._before_continuing

        class Outbound(WorkflowOutboundInterceptor):
            def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
                before_continuing()
                super().continue_as_new(input)

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(Outbound(outbound))

            async def handle_query(self, input: HandleQueryInput) -> Any:
                before_query()
                return await super().handle_query(input)

        return Inbound


@asynccontextmanager
async def intercepted_worker(engine: Engine, interceptions: Interceptions) -> AsyncGenerator[None]:
    """A worker with interceptions. It has no sandbox, which would let them do nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.ConversationRunner", UnsandboxedWorkflowRunner)
        patch.setattr("worker.DetailsOnRequest", lambda: interceptions)
        async with engine.worker():
            yield


async def next_run(engine: Engine, state: ConversationState, *inbox: AnyEvent, recycle_after: int = 2_000) -> Chat:
    """A run as continue-as-new begins it, in the place of the present one."""
    await engine.client.get_workflow_handle(state.id).terminate()
    start = StartConversation(policy=state.policy, state=state, inbox=inbox, runs=2, recycle_after=recycle_after)
    handle = await engine.client.start_workflow(WORKFLOW, start, id=state.id, task_queue=Settings().temporal_task_queue)
    return Chat(engine, state.id, handle)


@asynccontextmanager
async def queried_while_writing(
    engine: Engine, chat: Chat, before_continuing: Callable[[], None] = lambda: None
) -> AsyncGenerator[None]:
    """A worker in which the first write of a run ends while a query is answered."""
    query = asyncio.create_task(chat.state())
    await chat.run_id()  # now the query is at the server, which hands it over with the first task
    meeting = Meeting(chat)

    async def write(self: Recorder, commit: Commit) -> Written:
        return await meeting.write(self, commit)

    interceptions = Interceptions(before_query=meeting.answer, before_continuing=before_continuing)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "_write", write)
        async with intercepted_worker(engine, interceptions):
            await query
            yield


async def first_history(chat: Chat) -> WorkflowHistory:
    """The history of the run with which the chat was made."""
    run_id = chat.handle.first_execution_run_id
    return await chat.engine.client.get_workflow_handle(chat.id, run_id=run_id).fetch_history()


def result_came_later(history: WorkflowHistory) -> bool:
    """Whether the first write was recorded in one task, and the workflow went on in the next."""
    types = [event.event_type for event in history.events]
    marker = next(
        index
        for index, event in enumerate(history.events)
        if event.marker_recorded_event_attributes.marker_name == "core_local_activity"
    )
    return types[marker + 1] == EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED
