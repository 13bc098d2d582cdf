"""The commits of one run: what each one contains, and how the run goes on when the store has another one.

The store decides between two attempts of a workflow task (`store.checkpoints`). A commit names its run, its number, and how many
signalled events of the run's inbox are decided.
"""

from __future__ import annotations

from domain.audit import OperatorSignal
from domain.checkpoints import Checkpoint, Conflict, ConflictKind
from domain.conversation import ConversationSnapshot
from workflows.checkpoint_states import adopted_state, encode_state, opening_of, state_above, without_unrecorded
from workflows.contract import (
    Commit,
    CommitResult,
    Predecessor,
    StartConversation,
    policy_reference,
    snapshot_of,
)
from workflows.rounds import Round
from workflows.signal_handlers import SignalHandlers
from workflows.state import ConversationState

MAX_SIGNALS = 500
"""How many operators' signals wait for a commit at most; the latest ones count. Only signals without effect can be so many."""


class Commits:
    """Composes the commits of a run, and knows what the store has of the conversation."""

    def __init__(self, run_id: str, start: StartConversation, state: ConversationState) -> None:
        self._run_id = run_id
        self._opening = start.opening
        self._before = start.predecessor
        """The run that made the latest commit; None once this run has made one."""
        self._consumed = 0
        """How many signalled events this run has decided on."""
        self._recorded: ConversationSnapshot | None = None
        """The record in the store; None when the next commit must contain the whole record."""
        self._signals = start.signals
        """The operators' signals that no commit has yet."""
        if start.state is not None and not start.whole:
            self._recorded = snapshot_of(state)

    @property
    def signals(self) -> tuple[OperatorSignal, ...]:
        """The operators' signals that no commit has yet."""
        return self._signals

    @property
    def is_begun(self) -> bool:
        """Whether the store has the conversation."""
        return self._recorded is not None

    def compose(self, state: ConversationState, decided: Round) -> tuple[ConversationState, Commit | None]:
        """The commit of a round, and the state that counts it; no commit when nothing has changed.

        The commit contains the record only if it differs from that in the store.
        """
        items, notices = decided.decision.items, decided.decision.notices
        signals = (*self._signals, *decided.operator_signals)[-MAX_SIGNALS:]
        state = state.replace(found_connected=())
        changed = None
        if snapshot_of(state) != self._recorded:
            state = state.replace(revision=state.revision + 1)
            changed = snapshot_of(state)
        elif not items and not notices:
            self._signals = signals
            return state, None
        state = state.replace(commits=state.commits + 1)
        is_unrecorded = self._recorded is None
        commit = Commit(
            conversation_id=state.id,
            opening=(self._opening or opening_of(state)) if is_unrecorded else None,
            snapshot=changed,
            items=items,
            notices=notices,
            policy=policy_reference(state),
            checkpoint=Checkpoint(
                run_id=self._run_id,
                number=state.commits,
                consumed=self._consumed + decided.signalled,
                state=encode_state(state),
            ),
            before=self._before.run_id if self._before else "",
            whole=is_unrecorded and state.commits > 1,
            absent=decided.decision.absent,
            signals=signals,
        )
        return state, commit

    def written(self, state: ConversationState, commit: Commit, result: CommitResult | None) -> ConversationState:
        """The state after a commit is in the store, with the corrections that the store answers."""
        self._before, self._signals = None, ()
        if result and result.seq is not None:
            state = state.replace(seq=result.seq, last_item_at=result.at)
        return self.recorded(state) if commit.snapshot else state

    def recorded(self, state: ConversationState) -> ConversationState:
        """The state after the store has its record, or can never have it."""
        state = without_unrecorded(state)
        self._recorded = snapshot_of(state)
        return state

    def add_consumed(self, signalled: int) -> None:
        """Count signalled events that are decided."""
        self._consumed += signalled

    def adopt_stored(self, conflict: Conflict, before: ConversationState, signals: SignalHandlers) -> ConversationState:
        """The state from which the run goes on, when the store has something else than its commit.

        Removes the events from the inbox on which the store's commit has decided.

        Args:
            conflict: what the store has.
            before: the state before the round that led to the commit.
            signals: the inbox.
        """
        standing = conflict.checkpoint
        match conflict.kind:
            case ConflictKind.TAKEN if standing:
                decided = self._consumed
                if self._before and standing.run_id == self._before.run_id:
                    decided += self._before.consumed
                ids = signals.drop_signalled(standing.consumed - decided)
                self._consumed += max(0, standing.consumed - decided)
                state = adopted_state(standing.state, before, ids)
                self._recorded = snapshot_of(state)
            case ConflictKind.BEHIND if standing:
                state = adopted_state(standing.state, before, conflict.recent_ids)
                self._consumed += signals.drop_until(state.clock)
                self._recorded = snapshot_of(state)
            case ConflictKind.OFFER_OVER if conflict.offer:
                state = before.with_offer_over(conflict.offer)
            case ConflictKind.CONNECTED:
                state = before.replace(found_connected=(*before.found_connected, *conflict.participants))
            case _:
                state = state_above(before, conflict)
                self._recorded = None
        return state

    def position(self) -> Predecessor:
        """The run that made the latest commit, and how many events of its inbox are decided."""
        if self._before is None:
            return Predecessor(run_id=self._run_id, consumed=self._consumed)
        return Predecessor(run_id=self._before.run_id, consumed=self._before.consumed + self._consumed)
