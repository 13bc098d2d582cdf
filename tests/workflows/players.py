"""Random conversations on the real engine: what happens in them is sent as clients send it, and all is looked at afterwards."""

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
from tests.workflows.clock import now
from tests.workflows.engine import Chat, eventually
from tests.workflows.steps import Step, dated
from workflows.contract import ConversationResult
from workflows.state import ConversationState

NOTICEABLE = timedelta(seconds=1)
"""Shorter pauses pass by themselves."""

SLOW = "[TMPRL1101]"
"""The SDK's mark for a task that took more than two seconds."""


class Ended(NamedTuple):
    """A conversation that is closed."""

    outcome: ConversationResult
    state: ConversationState


@dataclass
class Player:
    """One conversation, and what has been accepted of what was said in it."""

    environment: WorkflowEnvironment
    chat: Chat
    accepted: list[str] = field(default_factory=list[str])
    gone: bool = False

    async def take(self, *steps: Step) -> None:
        """Some steps. Those of a batch follow each other at once; after any other its state is looked at."""
        for step in steps:
            await self._unless_gone(self._take(step))

    async def burst(self, size: int) -> None:
        """The customer says so much at once that it takes more than one write."""
        said = [
            Message(id=f"{self.chat.id}/b{n}", by="customer", role=Role.CUSTOMER, name="Ada", content=str(n))
            for n in range(size)
        ]
        body = Messages(messages=said).model_dump(mode="json", exclude_none=True)
        await self._unless_gone(self.chat.signal("message", body))
        if not self.gone:
            self.accepted += [message.id for message in said if message.id]

    async def finish(self) -> Ended:
        """Ends it if it has not ended; how it stands then, and what it left as its result."""
        for event in (End(by="kim"), Close(by="kim")):
            await self.take(Step(event, timedelta(0), None, True))
        handle = self.chat.engine.client.get_workflow_handle(self.chat.id, result_type=ConversationResult)
        return Ended(await handle.result(), await self.chat.state())

    async def _unless_gone(self, action: Coroutine[Any, Any, None]) -> None:
        if self.gone:
            action.close()
            return
        try:
            await action
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            self.gone = True

    async def _take(self, step: Step) -> None:
        if step.later >= NOTICEABLE:
            await at_rest(self.chat)
            await self.environment.fast_forward(self.environment.client.get_workflow_handle(self.chat.id), step.later)
        if step.event:
            await self._send(step)
        if not step.batched:
            await at_rest(self.chat)
            invariants.state_holds(await self.chat.state())

    async def _send(self, step: Step) -> None:
        assert step.event
        event = step.event
        if step.late is not None or isinstance(event, MakeOffer):
            instant = await now(self.environment, self.chat)
            event = dated(event, instant)
            if step.late is not None:
                event = event.model_copy(update={"at": instant - step.late})
        unasked = isinstance(
            event, Message | QueuePosition | OpeningHours | MakeOffer | WithdrawOffer
        )  # nobody waits for an answer to it
        if step.batched or unasked:
            await self.chat.signal(event.kind, event.model_dump(mode="json", exclude_none=True))
        else:
            await self.chat.ask(event)
        if isinstance(event, Message) and event.id and event.role and event.id not in self.accepted:
            self.accepted.append(event.id)


async def at_rest(chat: Chat) -> None:
    """Returns when none of its tasks is under way.

    One that is would be lost for ten seconds by running ahead, and split by a query, which replays at other instants.
    """

    async def look() -> bool | None:
        description = await chat.engine.client.get_workflow_handle(chat.id).describe()
        return None if description.raw_description.HasField("pending_workflow_task") else True

    await eventually(look, "its tasks are done")


async def agrees(player: Player, ended: Ended) -> None:
    """Whether the store tells of a finished conversation what its workflow does."""
    chat, (outcome, state) = player.chat, ended
    invariants.state_holds(state)
    assert (state.state, outcome.items) == (State.CLOSED, state.seq)
    items = await chat.items()
    invariants.transcript_holds(items, state)
    assert [item.id for item in items if item.id in set(player.accepted)] == player.accepted
    found = [await conversations.find_contact(chat.engine.db, "demo", id) for id in state.contact_ids]
    legs = [leg for leg, _ in filter(None, found)]
    assert [leg.id for leg in legs] == list(state.contact_ids)
    invariants.legs_hold(legs, items)
    record = await conversations.find_conversation(chat.engine.db, chat.id)
    assert record
    assert (record.state, record.end_reason) == (state.state, state.end_reason) == (State.CLOSED, outcome.reason)
    assert record.closed_at
    assert outcome.closed_at
    assert abs(record.closed_at - outcome.closed_at) < timedelta(milliseconds=1)  # the store's resolution
    assert await routing_row(chat.engine.db, chat.id) is None, "it is still on the board"


async def histories(chat: Chat) -> list[WorkflowHistory]:
    """The histories of all its runs, the first one first."""
    client, found = chat.engine.client, list[WorkflowHistory]()
    run_id = chat.handle.first_execution_run_id
    while run_id:
        history = await client.get_workflow_handle(chat.id, run_id=run_id).fetch_history()
        found.append(history)
        run_id = history.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return found


def no_task_failed(history: WorkflowHistory) -> None:
    """No task failed, save those that were repeated because something arrived at the end, or on a machine that was too busy."""
    for event in history.events:
        if event.event_type == HistoryEvent.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failed = event.workflow_task_failed_event_attributes
            repeated = failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
            assert repeated or SLOW in failed.failure.message, failed
