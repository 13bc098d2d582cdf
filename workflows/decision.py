"""What a decision consists of, and the pieces that all decisions are made of."""

from __future__ import annotations

from typing import NamedTuple

from workflows.state import ConversationState
from workflows.values import EventType, Item, ItemType, Participant


class Decision(NamedTuple):
    """What an event leads to: the next state, the transcript items to write, and why it was refused, if it was."""

    state: ConversationState
    items: tuple[Item, ...] = ()
    refused: str | None = None


def refuse(state: ConversationState, what: str, why: str) -> Decision:
    """Changes nothing but the record of what was refused."""
    return Decision(state.rejecting(what, why, state.clock), refused=why)


def event_item(
    state: ConversationState, event: EventType, who: Participant | None, trigger: str | None = None
) -> tuple[ConversationState, Item]:
    """The transcript's note of an event."""
    return state.with_item(type=ItemType.EVENT, content_type=event.content_type, who=who, trigger=trigger)
