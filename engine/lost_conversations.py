"""Conversations whose workflow is gone although the store calls them open.

An operator has terminated or deleted the workflow, or Temporal's database is lost. Whoever meets such a conversation has its
workflow started once more, from the state in the store, so that it ends in order: for its participants, its agent, routing and
the archive, as any other chat.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from configuration.current import Configuration
from domain.conversation import State
from domain.errors import Unavailable
from domain.events import BY_ENGINE, AnyEvent, Close, End
from domain.policy import DEFAULTS, Policy
from engine.client import ConversationClient
from store.checkpoints import find_checkpoint
from store.conversations import find_conversation
from store.database import Database
from store.open_records import recorded_opening
from store.records import StoredConversation
from workflows.checkpoint_states import stored_state
from workflows.contract import Predecessor, StartConversation, initial_state
from workflows.state import ConversationState

logger = logging.getLogger(__name__)


class LostConversations:
    """Starts the workflows of lost conversations once more."""

    def __init__(self, db: Database, configuration: Configuration, engine: ConversationClient) -> None:
        self._db = db
        self._configuration = configuration
        self._engine = engine

    async def end(self, conversation_id: str) -> None:
        """End a conversation whose workflow is gone. Idempotent; no effect on one that is closed or unknown.

        Returns once the workflow is started. Logs when the engine is unavailable; the next caller tries again.
        """
        try:
            if await self._restart(conversation_id, _final_events):
                logger.warning("%s was open, but had no workflow: it ends", conversation_id)
        except Unavailable:
            logger.warning("%s has no workflow, and cannot be ended now", conversation_id)

    async def resume(self, conversation_id: str) -> bool:
        """Have a conversation whose workflow is gone go on. Idempotent. Returns whether it is open.

        Raises:
            EngineUnavailable: the workflow cannot be started now.
        """
        return await self._restart(conversation_id, lambda _: ())

    async def _restart(
        self, conversation_id: str, first_events: Callable[[ConversationState], Sequence[AnyEvent]]
    ) -> bool:
        record = await find_conversation(self._db, conversation_id)
        if record is None or record.state is State.CLOSED or (start := await self._start_of(record)) is None:
            return False
        state = start.state or initial_state(start)
        await self._engine.restart(start.model_copy(update={"inbox": tuple(first_events(state))}), state)
        return True

    async def _start_of(self, record: StoredConversation) -> StartConversation | None:
        """Return with what a workflow goes on: its latest commit, or its opening without one; None: it is deleted meanwhile."""
        policy, found = self._policy(record), await find_checkpoint(self._db, record.id)
        if found is None:
            opening = await recorded_opening(self._db, record)
            return StartConversation(opening=opening, policy=policy) if opening else None
        checkpoint, item_ids = found
        state = stored_state(checkpoint.state, policy, item_ids)
        predecessor = Predecessor(run_id=checkpoint.run_id, consumed=checkpoint.consumed)
        return StartConversation(policy=state.policy, state=state, predecessor=predecessor)

    def _policy(self, record: StoredConversation) -> Policy:
        """The present policy of the conversation's workstream, or the defaults of its mode when that is gone.

        The store does not have the chat duration that a request had set, so that of the workstream counts.
        """
        instance = self._configuration.instances.get(record.instance)
        workstream = instance.workstreams.get(record.workstream) if instance else None
        if instance is None or workstream is None or workstream.mode != record.mode:
            return Policy.model_validate({**dict(DEFAULTS[record.mode]), "archive": self._engine.archives})
        return self._engine.policy(instance, record)


def _final_events(state: ConversationState) -> Sequence[AnyEvent]:
    end, close = End(by=BY_ENGINE), Close(by=BY_ENGINE)
    if state.state is State.WRAP_UP:
        return [close] if state.ended else [end, close]
    return [end, close] if state.state is State.ACTIVE else [end]
