"""The conversation workflow: a thin engine around the pure machine.

Handlers only append to the inbox. One serial loop takes what has arrived, lets the machine decide, writes the
consequences in one batch and shows the new state. One lazy timer sleeps to the nearest deadline. Continue-as-new
carries the state and what is still in the inbox; transcript text is never part of the state.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from workflows import search, view
    from workflows.alarm import Alarm
    from workflows.contract import (
        WORKFLOW,
        Answer,
        Ask,
        Commit,
        Facts,
        Outcome,
        StartConversation,
        facts,
        fresh,
    )
    from workflows.events import (
        AnyEvent,
        Assign,
        Close,
        Connect,
        Disconnect,
        End,
        Invite,
        Leave,
        Messages,
        Park,
        Resume,
        Transfer,
        explain,
    )
    from workflows.machine import begin, catch_up, decide
    from workflows.state import ConversationState, Unarchived
    from workflows.timers import next_deadline
    from workflows.values import Item, State
    from workflows.writing import Files, write

COMMIT_ITEMS = 50
COMMIT_BYTES = 500_000
"""A write is closed when it holds so many items or bytes of JSON; Temporal refuses payloads above 2 MB."""

CARRIED_BYTES = 256_000
"""Continue-as-new waits until what is still in the inbox is no larger than this, far below Temporal's 2 MB."""

SIGNALS_PER_RUN = 5_000
"""A run is renewed after this many signals; Temporal refuses more than 10,000."""


class _Ticket:
    """The place in the loop of somebody who waits for an answer."""

    def __init__(self) -> None:
        self.answer: Answer | None = None


@workflow.defn(name=WORKFLOW)
class Conversation:
    """One conversation, from its start to its closing.

    Signals, each with plain JSON (see `workflows.events`): `message`, `connect`, `disconnect`, `assign`, `transfer`,
    `invite`, `leave`, `park`, `resume`, `end`, `close`. Update: `ask`, for callers that need the answer. Query: `status`.
    """

    @workflow.init
    def __init__(self, start: StartConversation) -> None:
        self._start = start
        self._state = start.state or fresh(start)
        self._inbox: deque[tuple[AnyEvent, _Ticket | None]] = deque((event, None) for event in start.inbox)
        self._nonsense: list[tuple[str, str]] = []
        self._signals = 0
        self._files = Files(self._file_is_written)
        self._alarm = Alarm(lambda: next_deadline(self._state))
        self._recorded: Facts | None = None if start.state is None else facts(self._state)
        self._shown = search.attributes(self._state)

    @workflow.run
    async def run(self, start: StartConversation) -> Outcome:
        """Runs until the conversation is closed. A request to cancel the workflow is a request to end the chat."""
        life = asyncio.create_task(self._live(start))
        try:
            return await asyncio.shield(life)
        except asyncio.CancelledError:
            if workflow.cancellation_reason() is None:  # not a request: the SDK takes the workflow out of its cache
                raise
        self._inbox.append((End(by="cancellation"), None))
        return await life

    async def _live(self, start: StartConversation) -> Outcome:
        if start.state is None:
            decision = begin(self._state, start.initial_message)
            self._state = decision.state
            await self._write(decision.items)
        self._files.write(self._state)
        self._show()
        while not self._is_finished():
            self._alarm.set()
            await workflow.wait_condition(lambda: self._has_work() or self._is_finished())
            await self._work()
            if self._should_renew():
                self._renew()
        return self._outcome()

    # What arrives

    @workflow.signal
    def message(self, *inputs: Any) -> None:
        """Body: one message `{"content", "content_type"?, "by"?}` or `{"messages": [...]}`."""
        self._signals += 1
        try:
            batch = Messages.model_validate(*inputs)
        except (ValidationError, TypeError) as error:
            self._nonsense.append(("message", explain(error)))
        else:
            self._inbox.extend((message, None) for message in batch.messages)

    @workflow.signal
    def connect(self, *inputs: Any) -> None:
        """Body: `{"by": participant}`."""
        self._receive(Connect, inputs)

    @workflow.signal
    def disconnect(self, *inputs: Any) -> None:
        """Body: `{"by": participant}`."""
        self._receive(Disconnect, inputs)

    @workflow.signal
    def assign(self, *inputs: Any) -> None:
        """Body: `{"user", "name", "by"?}`."""
        self._receive(Assign, inputs)

    @workflow.signal
    def transfer(self, *inputs: Any) -> None:
        """Body: `{"contact_id", "queue", "user"?, "name"?, "by"?}`."""
        self._receive(Transfer, inputs)

    @workflow.signal
    def invite(self, *inputs: Any) -> None:
        """Body: `{"participant_id", "name", "by"?}`."""
        self._receive(Invite, inputs)

    @workflow.signal
    def leave(self, *inputs: Any) -> None:
        """Body: `{"by": participant}`."""
        self._receive(Leave, inputs)

    @workflow.signal
    def park(self, *inputs: Any) -> None:
        """Body: `{"by"?}`."""
        self._receive(Park, inputs)

    @workflow.signal
    def resume(self, *inputs: Any) -> None:
        """Body: `{"by"?}`."""
        self._receive(Resume, inputs)

    @workflow.signal
    def end(self, *inputs: Any) -> None:
        """Body: `{"by"?}`: `customer`, `agent`, or the name of whoever stops it."""
        self._receive(End, inputs)

    @workflow.signal
    def close(self, *inputs: Any) -> None:
        """Body: `{"by"?}`."""
        self._receive(Close, inputs)

    @workflow.signal(dynamic=True)
    def unknown(self, name: str, inputs: Sequence[RawValue]) -> None:
        """Any other name: recorded as refused."""
        self._signals += 1
        self._nonsense.append((name, "there is no signal of this name"))

    @workflow.update
    async def ask(self, ask: Ask) -> Answer:
        """Puts a command to the machine and answers once its consequences are written."""
        ticket = _Ticket()
        self._inbox.append((ask.command, ticket))
        await workflow.wait_condition(lambda: ticket.answer is not None)
        assert ticket.answer is not None
        return ticket.answer

    @workflow.query
    def status(self) -> ConversationState:
        """The whole state, for tools."""
        return self._state

    def _receive(self, event: type[AnyEvent], inputs: tuple[Any, ...]) -> None:
        self._signals += 1
        try:
            self._inbox.append((event.model_validate(*(inputs or ({},))), None))
        except (ValidationError, TypeError) as error:
            self._nonsense.append((event.__name__.lower(), explain(error)))

    # The loop

    def _is_finished(self) -> bool:
        closed = self._state.state is State.CLOSED and not self._state.unarchived
        return closed and not self._has_work() and workflow.all_handlers_finished()

    def _has_work(self) -> bool:
        return bool(self._inbox or self._nonsense or self._alarm.is_due())

    async def _work(self) -> None:
        """Decides on what has arrived, in the order of arrival, and writes the consequences as one batch."""
        now = workflow.now()
        items: list[Item] = []
        settled: list[tuple[_Ticket, Answer]] = []
        size = 0
        while self._inbox and len(items) < COMMIT_ITEMS and size < COMMIT_BYTES:
            event, ticket = self._inbox.popleft()
            decision = decide(self._state, event, now)
            self._state = decision.state
            items.extend(decision.items)
            size += sum(len(item.model_dump_json()) for item in decision.items)
            if ticket:
                settled.append((ticket, Answer(refused=decision.refused, state=self._state.state)))
        if not self._inbox and self._alarm.is_due():
            decision = catch_up(self._state, now)
            self._state = decision.state
            items.extend(decision.items)
        while self._nonsense:
            self._state = self._state.rejecting(*self._nonsense.pop(0), at=now)
        await self._write(tuple(items))
        for ticket, answer in settled:
            ticket.answer = answer
        self._files.write(self._state)
        self._show()

    async def _write(self, items: tuple[Item, ...]) -> None:
        changed = None
        if facts(self._state) != self._recorded:
            self._state = self._state.but(revision=self._state.revision + 1)
            changed = facts(self._state)
        elif not items:
            return
        commit = Commit(
            conversation_id=self._state.id,
            opening=self._start.opening if self._recorded is None else None,
            facts=changed,
            items=items,
        )
        await write(commit)
        if changed:
            self._state = self._state.but(unrecorded_legs=(), unrecorded_leavers=(), unrecorded_answers=())
            self._recorded = facts(self._state)

    def _file_is_written(self, contact: Unarchived) -> None:
        rest = tuple(other for other in self._state.unarchived if other != contact)
        self._state = self._state.but(unarchived=rest)

    def _show(self) -> None:
        workflow.set_current_details(view.details(self._state, self._start.runs))
        attributes = search.attributes(self._state)
        changed = [key.value_set(value) for key, value in attributes.items() if self._shown.get(key) != value]
        if changed:
            workflow.upsert_search_attributes(changed)
            self._shown = attributes

    # Continue-as-new

    def _should_renew(self) -> bool:
        if self._state.state is State.CLOSED or any(ticket for _, ticket in self._inbox):
            return False
        info = workflow.info()
        grown = (
            info.is_continue_as_new_suggested()
            or info.get_current_history_length() >= self._start.recycle_after
            or self._signals >= SIGNALS_PER_RUN
        )
        return grown and not self._nonsense and workflow.all_handlers_finished() and self._carried() <= CARRIED_BYTES

    def _carried(self) -> int:
        return sum(len(event.model_dump_json().encode()) for event, _ in self._inbox)

    def _renew(self) -> None:
        """Nothing may be awaited from here on: a signal that comes later makes the server ask again."""
        workflow.continue_as_new(
            self._start.model_copy(
                update={
                    "opening": None,
                    "initial_message": None,
                    "state": self._state,
                    "inbox": tuple(event for event, _ in self._inbox),
                    "runs": self._start.runs + 1,
                }
            )
        )

    def _outcome(self) -> Outcome:
        state = self._state
        return Outcome(
            reason=state.end_reason,
            items=state.seq,
            started_at=state.started_at,
            closed_at=state.closed_at,
            runs=self._start.runs,
        )
