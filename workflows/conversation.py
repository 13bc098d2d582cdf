"""The conversation workflow: it runs the pure machine on Temporal.

Signal handlers append to the inbox or set a flag; the update `ask` also waits for its result. One serial loop has the machine
decide on each event, writes the effects in commits, and shows the new state to operators. A timer wakes it at the nearest
deadline. Continue-as-new carries the state and the rest of the inbox. The state holds no messages, only survey answers until they
are stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from domain.checkpoints import Conflict, ConflictKind
    from domain.conversation import State
    from domain.events import End, mistakes_of
    from domain.policy import Policy
    from domain.refusals import RefusalCode
    from workflows import operator_details, search_attributes
    from workflows.activity_calls import ArchiveWriter, opening_hours, wait_for_regular_activity, write
    from workflows.commits import Commits
    from workflows.contract import (
        WORKFLOW,
        CommandRequest,
        CommandResult,
        CommitResult,
        ConversationResult,
        OpeningHoursQuery,
        StartConversation,
        initial_state,
    )
    from workflows.deadline_timer import DeadlineTimer
    from workflows.decision import Decision
    from workflows.machine import begin, catch_up, decide
    from workflows.metrics import count_refusals, count_timer
    from workflows.refusal_log import log_refusals
    from workflows.refused_writes import decide_first_alone, not_storable, without_event, without_messages
    from workflows.rounds import CANCELLATION, Round, decide_entries
    from workflows.rules_version import decide_rules_version
    from workflows.run_length import RunLength, fits_into_next_run
    from workflows.signal_handlers import PendingCommand, SignalHandlers
    from workflows.state import ConversationState
    from workflows.state_parts import UnarchivedContact
    from workflows.timers import Deadline, next_deadline


@workflow.defn(name=WORKFLOW)
class Conversation(SignalHandlers):
    """One conversation, from its start until it is closed.

    Signals: see `SignalHandlers`. Update: `ask`, for callers that need the result. Query: `status`.
    """

    @workflow.init
    def __init__(self, start: StartConversation) -> None:
        super().__init__(start.inbox)
        before = start.state or initial_state(start)
        self._start = start
        self._state = before.replace(rules_version=decide_rules_version())
        self._commits = Commits(workflow.info().run_id, start, before)
        self._suspect_count = 0
        """How many events at the head of the inbox may cause a refused write. Each of them is decided and written alone."""
        self._length = RunLength(start.recycle_after, before.clock)
        self._archive = ArchiveWriter(self._mark_archived)
        self._timer = DeadlineTimer(self._nearest_deadline, self._state.rules_version)
        self._nearest: tuple[ConversationState, Deadline | None] | None = None
        self._stored_attributes = search_attributes.recorded(workflow.info().typed_search_attributes)

    @workflow.run
    async def run(self, start: StartConversation) -> ConversationResult:
        """Run until the conversation is closed. A request to cancel the workflow ends the chat."""
        loop = asyncio.create_task(self._run(start))
        try:
            return await asyncio.shield(loop)
        except asyncio.CancelledError:
            if workflow.cancellation_reason() is None:  # no request: the SDK evicts the workflow from its cache
                raise
        self.inbox.append((End(by=CANCELLATION), PendingCommand(CANCELLATION)))
        return await loop

    async def _run(self, start: StartConversation) -> ConversationResult:
        await self._decide_and_write(self._begin if start.state is None else self._unchanged)
        self._archive.start(self._state)
        self._update_search_attributes()
        while not self._is_done():
            self._timer.set()
            await workflow.wait_condition(lambda: self._has_work() or self._is_done() or self._timer.has_fired)
            if self._timer.has_fired and not self._has_work():
                continue
            renews = self._wants_new_run()
            if renews and self._state.rules_version == 1:
                self._continue_as_new()
            await self._work()
            if renews and self._state.rules_version > 1:
                await wait_for_regular_activity(self._state.id)
                self._continue_as_new()
        return self._result()

    @workflow.update
    async def ask(self, *inputs: Any) -> CommandResult:
        """Put a command into the inbox. Returns its result once its effects are in the store. Input: one `CommandRequest`."""
        info = workflow.current_update_info()
        pending = PendingCommand(info.id if info else "")
        self.inbox.append((CommandRequest.model_validate(*inputs).command, pending))
        await workflow.wait_condition(lambda: pending.result is not None)
        assert pending.result is not None
        return pending.result

    @ask.validator
    def _check_ask(self, *inputs: Any) -> None:
        try:
            CommandRequest.model_validate(*inputs)
        except (ValidationError, TypeError) as error:
            raise ApplicationError(mistakes_of(error), type=RefusalCode.MALFORMED) from None

    @workflow.query
    def status(self) -> ConversationState:
        """The whole state, for operators and tools."""
        return self._state

    # The loop

    def _nearest_deadline(self) -> Deadline | None:
        """The nearest deadline. Computed once for each state, because every condition of the loop needs it."""
        if self._nearest is None or self._nearest[0] is not self._state:
            self._nearest = self._state, next_deadline(self._state)
        return self._nearest[1]

    def _is_done(self) -> bool:
        closed = self._state.state is State.CLOSED and not self._state.unarchived
        return closed and not self._has_work() and workflow.all_handlers_finished()

    def _has_work(self) -> bool:
        return bool(self.inbox or self.malformed or self._timer.is_due() or self.renewal_requested)

    async def _work(self) -> None:
        """Decide on the events of the inbox in the order of their arrival, and write the effects as one commit."""
        self._length.rounds += 1
        refused_before = self._state.refused_count
        while self.malformed:
            self._state = self._state.with_refusal(*self.malformed.pop(0), at=workflow.now())
        if self._timer.is_due() and (deadline := self._nearest_deadline()):
            count_timer(deadline)
        decided = await self._decide_and_write(self._decide_inbox)
        for pending, result in decided.results:
            pending.result = result
        count_refusals(self._state, self._state.refused_count - refused_before)
        log_refusals(self._state, self._state.refused_count - refused_before)
        self._archive.start(self._state)
        self._update_search_attributes()

    async def _decide_and_write(self, decide_round: Callable[[], Awaitable[Round]]) -> Round:
        """Decide and write, and decide again as long as the store has another commit. Adopt the policy that the store answers."""
        while True:
            before = self._state
            decided = await decide_round()
            result = await self._write(decided)
            if result is None or result.conflict is None:
                break
            if result.conflict.kind is not ConflictKind.REFUSED:
                self._state = self._commits.adopt_stored(result.conflict, before, self)
            elif found := await self._without_refused(decided, before, result.conflict):
                decided, result = found
                break
        self._suspect_count = max(0, self._suspect_count - decided.entries)
        self._length.add_decided([self.inbox.popleft()[0] for _ in range(decided.entries)])
        self._commits.add_consumed(decided.signalled)
        if result and result.policy:
            await self._decide_and_write(partial(self._adopt, result.policy))
        return decided

    async def _begin(self) -> Round:
        if self._state.commits and self._commits.is_begun:  # an earlier attempt has begun the conversation
            return Round(Decision(self._state))
        begun = begin(self._state, self._start.initial_message)
        self._state = begun.state
        return Round(await self._with_opening_hours(begun))

    async def _unchanged(self) -> Round:
        # under another rules version the same state can have another record
        return Round(Decision(self._state))

    async def _adopt(self, policy: Policy) -> Round:
        """Adopt the present policy of the workstream, and decide on the changes that follow from it."""
        self._state = self._state.with_policy(policy)
        return Round(await self._with_opening_hours(Decision(self._state)))

    async def _decide_inbox(self) -> Round:
        now = workflow.now()
        apart = self._suspect_count > 0 and len(self.inbox) > 0
        decided = (decide_first_alone if apart else decide_entries)(self._state, self.inbox, now)
        batch, self._state = decided.decision, decided.decision.state
        if decided.entries == len(self.inbox) and self._timer.is_due() and not apart:
            batch = batch.followed_by(catch_up(self._state, now))
            self._state = batch.state
        return decided._replace(decision=await self._with_opening_hours(batch))

    async def _with_opening_hours(self, batch: Decision) -> Decision:
        """Add the effect of the queue's opening hours to the batch, if the conversation needs them. Queries them first."""
        state = self._state
        if not state.needs_opening_hours:
            return batch
        hours = await opening_hours(OpeningHoursQuery(instance=state.instance, queue=state.queue, at=workflow.now()))
        decision = decide(self._state, hours, workflow.now())
        self._state = decision.state
        return batch.followed_by(decision)

    async def _write(self, decided: Round) -> CommitResult | None:
        """Write the commit of a round, if anything has changed since the last one."""
        self._state, commit = self._commits.compose(self._state, decided)
        if commit is None:
            return None
        self._length.writes += 1
        result = await write(commit)
        if result is None or result.conflict is None:
            self._state = self._commits.written(self._state, commit, result)
        return result

    async def _without_refused(
        self, refused: Round, before: ConversationState, conflict: Conflict
    ) -> tuple[Round, CommitResult | None] | None:
        """Go on from a write that the store can never take, see `workflows.refused_writes`.

        Returns:
            The round that replaces it, with the result of its write; None when the events must be decided again, one by one.

        Raises:
            ApplicationError: the store can never take the conversation's beginning. The workflow fails.
        """
        self._state = before
        if refused.entries and not self._suspect_count:
            self._suspect_count = refused.entries
            return None
        cause = not_storable(conflict.cause)
        if refused.entries:
            event, pending = self.inbox[0]
            found = without_event(before, event, pending, cause)
            workflow.logger.error("%s: refused an event %s: %s", before.id, event.kind, cause.text)
            self._state = found.decision.state
            return found, None
        found = without_messages(refused, cause)
        workflow.logger.error("%s: refused a message of its own: %s", before.id, cause.text)
        self._state = found.decision.state
        result = await self._write(found)
        if result is None or result.conflict is None:
            return found, result
        if result.conflict.kind is not ConflictKind.REFUSED:
            self._state = self._commits.adopt_stored(result.conflict, before, self)
            return None
        if before.commits == 0:
            raise ApplicationError(cause.text, type=cause.code, non_retryable=True)
        self._state = self._commits.recorded(found.decision.state)
        return found, None

    def _mark_archived(self, contact: UnarchivedContact) -> None:
        rest = tuple(other for other in self._state.unarchived if other != contact)
        self._state = self._state.replace(unarchived=rest)

    def details(self) -> str:
        """The description of the conversation for operators (`workflows.details_on_request`)."""
        return operator_details.details(self._state, self._start.runs)

    def _update_search_attributes(self) -> None:
        """Write the search attributes that have changed."""
        attributes = search_attributes.attributes(self._state)
        updates = search_attributes.updates(self._stored_attributes, attributes)
        if updates:
            workflow.upsert_search_attributes(updates)
            self._stored_attributes = attributes

    # Continue-as-new

    def _wants_new_run(self) -> bool:
        if self._state.state is State.CLOSED:
            self.renewal_requested = False
            return False
        is_long = self._length.is_reached(
            self._state.rules_version,
            signals=self.signals,
            size=self.bytes if self._state.rules_version >= 5 else self.characters,
            inbox=[event for event, _ in self.inbox],
            clock=self._state.clock,
        )
        return is_long or self.renewal_requested

    def _continue_as_new(self) -> None:
        """Continue as new, unless something waits that the next run cannot take over.

        Since version 2 of the rules only in the task that brings the result of a regular activity, for which the run has waited
        alone (`wait_for_regular_activity`). A replay can deliver the result of a local activity one task early (SDK 1.35, see
        `workflows.deadline_timer`), and run on from there. It then ended the run before a signal that had made the server repeat
        the task, and the signal was lost. The result of a regular activity stands in the history. No await may come between.
        """
        if self._may_continue_as_new():
            workflow.continue_as_new(
                StartConversation(
                    policy=self._state.policy,
                    recycle_after=self._start.recycle_after,
                    state=self._state,
                    opening=self._start.opening,
                    inbox=tuple(event for event, _ in self.inbox),
                    runs=self._start.runs + 1,
                    predecessor=self._commits.position(),
                    whole=self.renewal_requested,
                    signals=self._commits.signals,
                )
            )

    def _may_continue_as_new(self) -> bool:
        closed = self._state.state is State.CLOSED
        if closed or self.malformed or any(pending for _, pending in self.inbox):
            return False
        fits = fits_into_next_run((event for event, _ in self.inbox), self._state.rules_version)
        return workflow.all_handlers_finished() and fits

    def _result(self) -> ConversationResult:
        state = self._state
        return ConversationResult(
            reason=state.end_reason,
            items=state.seq,
            started_at=state.started_at,
            closed_at=state.closed_at,
            runs=self._start.runs,
        )
