"""The state in a checkpoint, and how a run goes on when the store has another commit than its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pydantic_core import from_json

from domain.checkpoints import Conflict
from domain.conversation import ConversationOpening
from domain.policy import Policy
from workflows.state import KEPT_MESSAGE_IDS, ConversationState

_NOT_STORED = {"policy", "recent_message_ids"}
"""What a run knows without the store. Both are long, and every commit writes the state."""


def encode_state(state: ConversationState) -> str:
    """The state as JSON for a checkpoint, without the policy, the ids of recent messages, and values that are the default."""
    return state.model_dump_json(exclude=_NOT_STORED, exclude_defaults=True)


def adopted_state(text: str, own: ConversationState, decided: Sequence[str]) -> ConversationState:
    """The state of the checkpoint that stands, for a run that goes on from it.

    Args:
        text: the state of the checkpoint.
        own: the run's state before it decided.
        decided: the ids of the messages of the inbox on which the standing commit has decided.
    """
    standing = stored_state(text, own.policy, (*own.recent_message_ids, *decided))
    return standing.replace(rules_version=own.rules_version)


def stored_state(text: str, policy: Policy, message_ids: Sequence[str]) -> ConversationState:
    """The state of a checkpoint, with what the store does not have: the policy, and the ids of recent messages."""
    fields = cast("dict[str, object]", from_json(text))
    known = {"policy": policy, "recent_message_ids": tuple(message_ids)[-KEPT_MESSAGE_IDS:]}
    return without_unrecorded(ConversationState.model_validate({**fields, **known}))


def state_above(own: ConversationState, conflict: Conflict) -> ConversationState:
    """A run's own state with counters that go on above those of the store."""
    return own.replace(
        commits=max(own.commits, conflict.checkpoint.number if conflict.checkpoint else 0),
        revision=max(own.revision, conflict.revision),
        seq=max(own.seq, conflict.seq),
        last_item_at=max(filter(None, (own.last_item_at, conflict.at)), default=None),
    )


def without_unrecorded(state: ConversationState) -> ConversationState:
    """The state after its record is stored."""
    return state.replace(unrecorded_contacts=(), unrecorded_departures=(), unrecorded_answers=(), unrecorded_offers=())


def opening_of(state: ConversationState) -> ConversationOpening:
    """The opening of a conversation whose first run did not hand it on. Its attributes and its past are lost."""
    return ConversationOpening(
        contact_id=state.id,
        instance=state.instance,
        workstream=state.workstream,
        queue=state.queue,
        mode=state.mode,
        started_at=state.started_at,
        customer_participant_id=state.customer.id,
        customer_name=state.customer.name,
        customer_id=state.customer_id,
        is_customer_signed=state.is_customer_signed,
    )
