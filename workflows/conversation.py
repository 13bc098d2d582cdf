"""The conversation workflow: a thin engine around the pure machine.

Handlers only append to the inbox. One serial loop takes what has arrived, lets the machine decide, writes the
consequences in one batch and shows the new state. One lazy timer sleeps to the nearest deadline. Continue-as-new
carries the state and what is still in the inbox; transcript text is never part of the state.
"""

from __future__ import annotations

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import search, view
    from workflows.alarm import Alarm
    from workflows.contract import (
        WORKFLOW,
        Answer,
        Ask,
        Commit,
        Facts,
        HoursQuestion,
        Outcome,
        StartConversation,
        facts,
        fresh,
        rules,
    )
    from workflows.decision import Decision
    from workflows.events import End
    from workflows.machine import begin, catch_up, decide
    from workflows.mailbox import Mailbox, Ticket
    from workflows.memory import Unarchived
    from workflows.policy import Policy
    from workflows.rules_version import decide_rules_version
    from workflows.state import ConversationState
    from workflows.timers import next_deadline
    from workflows.values import State
    from workflows.writing import Files, opening_hours, write

COMMIT_ITEMS = 50
COMMIT_BYTES = 500_000
"""A write is closed when it holds so many items or bytes of JSON; Temporal refuses payloads above 2 MB."""

CARRIED_BYTES = 256_000
"""Continue-as-new waits until what is still in the inbox is no larger than this, far below Temporal's 2 MB."""

SIGNALS_PER_RUN = 5_000
"""A run is renewed after this many signals; Temporal refuses more than 10,000."""

EVENTS_PER_ROUND = 8
"""How many events a turn of the loop brings about at most, as a rule: a task, a write, a timer set and fired, attributes."""

CHARACTERS_PER_RUN = 4_000_000
"""A run is renewed after so many characters of messages; Temporal ends one whose history exceeds 50 MB."""


@workflow.defn(name=WORKFLOW)
class Conversation(Mailbox):
    """One conversation, from its start to its closing.

    Signals: see `Mailbox`. Update: `ask`, for callers that need the answer. Query: `status`.
    """

    @workflow.init
    def __init__(self, start: StartConversation) -> None:
        super().__init__(start.inbox)
        self._start = start
        before = start.state or fresh(start)
        self._state = before.but(rules_version=decide_rules_version())
        self._rounds = 0
        self._files = Files(self._file_is_written)
        self._alarm = Alarm(lambda: next_deadline(self._state))
        self._recorded: Facts | None = None if start.state is None else facts(before)
        self._shown = search.recorded(workflow.info().typed_search_attributes)

    @workflow.run
    async def run(self, start: StartConversation) -> Outcome:
        """Runs until the conversation is closed. A request to cancel the workflow is a request to end the chat."""
        life = asyncio.create_task(self._live(start))
        try:
            return await asyncio.shield(life)
        except asyncio.CancelledError:
            if workflow.cancellation_reason() is None:  # not a request: the SDK takes the workflow out of its cache
                raise
        self.inbox.append((End(by="cancellation"), None))
        return await life

    async def _live(self, start: StartConversation) -> Outcome:
        if start.state is None:
            begun = begin(self._state, start.initial_message)
            self._state = begun.state
            await self._write(await self._with_hours(begun))
        else:  # a run that begins under another version of the rules can have another record
            await self._write(Decision(self._state))
        self._files.write(self._state)
        self._show()
        while not self._is_finished():
            self._alarm.set()
            await workflow.wait_condition(lambda: self._has_work() or self._is_finished())
            await self._work()
            if self._should_renew():
                self._renew()
        return self._outcome()

    # What is asked

    @workflow.update
    async def ask(self, ask: Ask) -> Answer:
        """Puts a command to the machine and answers once its consequences are written."""
        ticket = Ticket()
        self.inbox.append((ask.command, ticket))
        await workflow.wait_condition(lambda: ticket.answer is not None)
        assert ticket.answer is not None
        return ticket.answer

    @workflow.query
    def status(self) -> ConversationState:
        """The whole state, for tools."""
        return self._state

    # The loop

    def _is_finished(self) -> bool:
        closed = self._state.state is State.CLOSED and not self._state.unarchived
        return closed and not self._has_work() and workflow.all_handlers_finished()

    def _has_work(self) -> bool:
        return bool(self.inbox or self.nonsense or self._alarm.is_due() or self.renewal_asked)

    async def _work(self) -> None:
        """Decides on what has arrived, in the order of arrival, and writes the consequences as one batch."""
        self._rounds += 1
        now = workflow.now()
        batch = Decision(self._state)
        settled: list[tuple[Ticket, Answer]] = []
        size = 0
        while self.inbox and len(batch.items) < COMMIT_ITEMS and size < COMMIT_BYTES:
            event, ticket = self.inbox.popleft()
            decision = decide(batch.state, event, now)
            size += sum(len(item.model_dump_json()) for item in decision.items)
            batch = batch.then(lambda _, decision=decision: decision)
            if ticket:
                settled.append((ticket, Answer(refused=decision.refused, state=decision.state.state)))
        self._state = batch.state
        if not self.inbox and self._alarm.is_due():
            batch = batch.then(lambda state: catch_up(state, now))
            self._state = batch.state
        batch = await self._with_hours(batch)
        while self.nonsense:
            self._state = self._state.rejecting(*self.nonsense.pop(0), at=now)
        await self._write(batch)
        for ticket, answer in settled:
            ticket.answer = answer
        self._files.write(self._state)
        self._show()

    async def _with_hours(self, batch: Decision) -> Decision:
        """What has been decided and, if the conversation stands in a queue of which it must know it, what its hours say."""
        if not self._state.must_ask_hours:
            return batch
        state = self._state
        question = HoursQuestion(instance=state.instance, queue=state.queue, at=workflow.now())
        answer = await opening_hours(question)
        told = decide(self._state, answer, workflow.now())
        self._state = told.state
        return batch.then(lambda _: told)

    async def _write(self, batch: Decision) -> None:
        changed = None
        if facts(self._state) != self._recorded:
            self._state = self._state.but(revision=self._state.revision + 1)
            changed = facts(self._state)
        elif not batch.items and not batch.notices:
            return
        commit = Commit(
            conversation_id=self._state.id,
            opening=self._start.opening if self._recorded is None else None,
            facts=changed,
            items=batch.items,
            notices=batch.notices,
            rules=rules(self._state),
        )
        answer = await write(commit)
        if answer and answer.seq is not None:
            self._state = self._state.but(seq=answer.seq, last_item_at=answer.at)
        if changed:
            self._state = self._state.but(
                unrecorded_legs=(), unrecorded_leavers=(), unrecorded_answers=(), unrecorded_offers=()
            )
            self._recorded = facts(self._state)
        if answer and answer.policy:
            await self._go_on_under(answer.policy)

    async def _go_on_under(self, policy: Policy) -> None:
        """The workstream has changed: from here on the conversation goes by that, and says so where that must be known."""
        self._state = self._state.under(policy)
        await self._write(await self._with_hours(Decision(self._state)))

    def _file_is_written(self, contact: Unarchived) -> None:
        rest = tuple(other for other in self._state.unarchived if other != contact)
        self._state = self._state.but(unarchived=rest)

    def _show(self) -> None:
        workflow.set_current_details(view.details(self._state, self._start.runs))
        attributes = search.attributes(self._state)
        updates = search.updates(self._shown, attributes)
        if updates:
            workflow.upsert_search_attributes(updates)
            self._shown = attributes

    # Continue-as-new

    def _should_renew(self) -> bool:
        if self._state.state is State.CLOSED:
            self.renewal_asked = False
            return False
        if any(ticket for _, ticket in self.inbox):
            return False
        grown = self._has_grown() or self.signals >= SIGNALS_PER_RUN or self.renewal_asked
        return grown and not self.nonsense and workflow.all_handlers_finished() and self._carried() <= CARRIED_BYTES

    def _has_grown(self) -> bool:
        """Whether the history is long enough, as far as a replay knows it too: after a local activity it does not always
        see the length that was seen then, so what makes it grow is counted."""
        events = self._rounds * EVENTS_PER_ROUND + self.signals
        return events >= self._start.recycle_after or self.characters >= CHARACTERS_PER_RUN

    def _carried(self) -> int:
        return sum(len(event.model_dump_json().encode()) for event, _ in self.inbox)

    def _renew(self) -> None:
        """Nothing may be awaited from here on: a signal that comes later makes the server ask again."""
        workflow.continue_as_new(
            self._start.model_copy(
                update={
                    "opening": None,
                    "initial_message": None,
                    "policy": self._state.policy,
                    "state": self._state,
                    "inbox": tuple(event for event, _ in self.inbox),
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
