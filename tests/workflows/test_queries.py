"""A query that is answered while a write of the conversation ends: the history must replay all the same."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import (
    HandleQueryInput,
    Interceptor,
    Replayer,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from activities.recording import Recorder
from domain.events import Disconnect
from domain.participants import ParticipantPresence
from runtime.settings import Settings
from store.conversations import Written
from tests.workflows.engine import Chat, Engine, eventually
from tests.workflows.test_reconnect_window import active_chat
from workflows.contract import WORKFLOW, Commit, StartConversation
from workflows.conversation import Conversation
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


def interceptor(meeting: Meeting) -> Interceptor:
    class Inbound(WorkflowInboundInterceptor):
        async def handle_query(self, input: HandleQueryInput) -> Any:
            meeting.answer()
            return await super().handle_query(input)

    class Queries(Interceptor):
        def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
            return Inbound

    return Queries()


async def next_run(engine: Engine, state: ConversationState) -> Chat:
    """A run as continue-as-new begins it, with a disconnect in its inbox."""
    id = str(uuid4())
    start = StartConversation(
        policy=state.policy, state=state.replace(id=id), inbox=(Disconnect(by="customer"),), runs=2
    )
    handle = await engine.client.start_workflow(WORKFLOW, start, id=id, task_queue=Settings().temporal_task_queue)
    return Chat(engine, id, handle)


async def queried_while_writing(engine: Engine, state: ConversationState) -> WorkflowHistory:
    """The history of a run whose first write ends while a query is answered."""
    chat = await next_run(engine, state)
    query = asyncio.create_task(chat.state())
    await chat.run_id()  # now the query is at the server, which hands it over with the first task
    meeting = Meeting(chat)

    async def write(self: Recorder, commit: Commit) -> Written:
        return await meeting.write(self, commit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "_write", write)
        patch.setattr("worker.ConversationRunner", UnsandboxedWorkflowRunner)
        patch.setattr("worker.Worker", partial(Worker, interceptors=[interceptor(meeting)]))
        async with engine.worker():
            await query
            await chat.wait_until(lambda s: s.customer.presence is ParticipantPresence.AWAY, "the loss is noticed")
    return await chat.handle.fetch_history()


def result_came_later(history: WorkflowHistory) -> bool:
    """Whether the first write was recorded in one task, and the workflow went on in the next."""
    types = [event.event_type for event in history.events]
    marker = next(
        index
        for index, event in enumerate(history.events)
        if event.marker_recorded_event_attributes.marker_name == "core_local_activity"
    )
    return types[marker + 1] == EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED


async def test_history_replays_though_a_query_was_answered_while_a_write_ended(engine: Engine) -> None:
    async with engine.worker():
        state = await (await active_chat(engine)).state()

    async def find() -> WorkflowHistory | None:
        history = await queried_while_writing(engine, state)
        return history if result_came_later(history) else None

    history = await eventually(find, "a write ends while a query is answered")
    replayer = Replayer(workflows=[Conversation], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(history)
