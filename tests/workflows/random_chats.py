"""Drives random conversations on the real engine as clients do, and checks the store and the histories afterwards."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from temporalio.api.enums.v1 import EventType as HistoryEvent
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.client import WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from domain.conversation import State
from domain.events import Close, End, MakeOffer, Message, Messages, OpeningHours, QueuePosition, WithdrawOffer
from domain.participants import Role
from store import conversations
from tests.routing.routing_records import routing_row
from tests.workflows import invariants
from tests.workflows.engine import Chat, eventually
from tests.workflows.random_steps import Step, with_current_deadline
from tests.workflows.time_skipping import current_time
from workflows.contract import ConversationResult
from workflows.state import ConversationState

MIN_ADVANCE = timedelta(seconds=1)
"""Shorter pauses are not simulated."""

SLOW_TASK_MARK = "[TMPRL1101]"
"""The text by which the SDK marks a task that took more than two seconds."""


class ClosedChat(NamedTuple):
    """The result and the final state of a closed conversation."""

    result: ConversationResult
    state: ConversationState


@dataclass
class ChatDriver:
    """Sends events to one conversation, and keeps the ids of the accepted messages."""

    environment: WorkflowEnvironment
    chat: Chat
    accepted: list[str] = field(default_factory=list[str])
    is_closed: bool = False

    async def run(self, *steps: Step) -> None:
        """Run steps. Steps of a batch follow at once; the state is checked after every other step."""
        for step in steps:
            await self._unless_closed(self._run(step))

    async def send_burst(self, size: int) -> None:
        """Send a batch of customer messages that is too large for one write."""
        messages = [
            Message(id=f"{self.chat.id}/b{n}", by="customer", role=Role.CUSTOMER, name="Ada", content=str(n))
            for n in range(size)
        ]
        body = Messages(messages=messages).model_dump(mode="json", exclude_none=True)
        await self._unless_closed(self.chat.signal("message", body))
        if not self.is_closed:
            self.accepted += [message.id for message in messages if message.id]

    async def finish(self) -> ClosedChat:
        """End and close the conversation, if it is not closed yet. Return its result and its final state."""
        for event in (End(by="kim"), Close(by="kim")):
            await self.run(Step(event, timedelta(0), None, True))
        handle = self.chat.engine.client.get_workflow_handle(self.chat.id, result_type=ConversationResult)
        return ClosedChat(await handle.result(), await self.chat.state())

    async def _unless_closed(self, action: Coroutine[Any, Any, None]) -> None:
        if self.is_closed:
            action.close()
            return
        try:
            await action
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            self.is_closed = True

    async def _run(self, step: Step) -> None:
        if step.pause >= MIN_ADVANCE:
            await wait_until_idle(self.chat)
            await self.environment.fast_forward(self.environment.client.get_workflow_handle(self.chat.id), step.pause)
        if step.event:
            await self._send(step)
        if not step.batched:
            await wait_until_idle(self.chat)
            invariants.check_state(await self.chat.state())

    async def _send(self, step: Step) -> None:
        assert step.event
        event = step.event
        if step.delay is not None or isinstance(event, MakeOffer):
            instant = await current_time(self.environment, self.chat)
            event = with_current_deadline(event, instant)
            if step.delay is not None:
                event = event.model_copy(update={"at": instant - step.delay})
        without_answer = isinstance(
            event, Message | QueuePosition | OpeningHours | MakeOffer | WithdrawOffer
        )  # clients send these events as signals
        if step.batched or without_answer:
            await self.chat.signal(event.kind, event.model_dump(mode="json", exclude_none=True))
        else:
            await self.chat.ask(event)
        if isinstance(event, Message) and event.id and event.role and event.id not in self.accepted:
            self.accepted.append(event.id)


async def wait_until_idle(chat: Chat) -> None:
    """Wait until no workflow task of the conversation is pending.

    Advancing the clock would delay a pending task by ten seconds. A query would replay it at other instants.
    """

    async def check() -> bool | None:
        description = await chat.engine.client.get_workflow_handle(chat.id).describe()
        return None if description.raw_description.HasField("pending_workflow_task") else True

    await eventually(check, "no workflow task is pending")


async def assert_store_agrees(driver: ChatDriver, closed: ClosedChat) -> None:
    """Assert that the store and the workflow agree about a closed conversation."""
    chat, (result, state) = driver.chat, closed
    invariants.check_state(state)
    assert (state.state, result.items) == (State.CLOSED, state.seq)
    items = await chat.items()
    invariants.check_transcript(items, state)
    assert [item.id for item in items if item.id in set(driver.accepted)] == driver.accepted
    found = [await conversations.find_contact(chat.engine.db, "demo", id) for id in state.contact_ids]
    contacts = [contact for contact, _ in filter(None, found)]
    assert [contact.id for contact in contacts] == list(state.contact_ids)
    invariants.check_contacts(contacts, items)
    record = await conversations.find_conversation(chat.engine.db, chat.id)
    assert record
    assert (record.state, record.end_reason) == (state.state, state.end_reason) == (State.CLOSED, result.reason)
    assert record.closed_at
    assert result.closed_at
    assert abs(record.closed_at - result.closed_at) < timedelta(milliseconds=1)  # the resolution of the store
    assert await routing_row(chat.engine.db, chat.id) is None, "the closed chat is still in routing"


async def run_histories(chat: Chat) -> list[WorkflowHistory]:
    """The histories of all runs of a conversation, oldest first."""
    client, found = chat.engine.client, list[WorkflowHistory]()
    run_id = chat.handle.first_execution_run_id
    while run_id:
        history = await client.get_workflow_handle(chat.id, run_id=run_id).fetch_history()
        found.append(history)
        run_id = history.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return found


def assert_no_task_failed(history: WorkflowHistory) -> None:
    """Assert that no task failed. Allowed: a task repeated because a signal arrived at its end, and a task on a busy machine."""
    for event in history.events:
        if event.event_type == HistoryEvent.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failed = event.workflow_task_failed_event_attributes
            repeated = failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
            assert repeated or SLOW_TASK_MARK in failed.failure.message, failed
