"""What a decision consists of, and the pieces that all decisions are made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from workflows.policy import SLUGS
from workflows.state import ConversationState, derived_id
from workflows.values import EventType, Item, ItemType, Notice, Participant

_SLUG = re.compile(r"\{(" + "|".join(SLUGS) + r")\}")


class Decision(NamedTuple):
    """What an event leads to: the next state, the transcript items to write, why it was refused, if it was, and what
    only the sockets hear of."""

    state: ConversationState
    items: tuple[Item, ...] = ()
    refused: str | None = None
    notices: tuple[Notice, ...] = ()

    def then(self, action: Callable[[ConversationState], Decision]) -> Decision:
        """What `action` leads to from here, with all that came before it."""
        more = action(self.state)
        return Decision(more.state, (*self.items, *more.items), more.refused, (*self.notices, *more.notices))


def refuse(state: ConversationState, what: str, why: str) -> Decision:
    """Changes nothing but the record of what was refused."""
    return Decision(state.rejecting(what, why, state.clock), refused=why)


def event_item(
    state: ConversationState,
    event: EventType,
    who: Participant | None,
    trigger: str | None = None,
    *,
    once: bool = False,
) -> Decision:
    """The transcript's note of an event. What can happen but once has an id that says so: written again, it is the same."""
    id = derived_id(state.id, f"{event}/{who.id if who else 'system'}") if once else None
    kind, content_type = ItemType.EVENT, event.content_type
    state, item = state.with_item(type=kind, content_type=content_type, who=who, trigger=trigger, id=id)
    return Decision(state, (item,))


def leaves(state: ConversationState, who: Participant, trigger: str | None = None) -> Decision:
    """The transcript's note that somebody has left; of who has never been there nobody need know.

    With a trigger the chat goes on without them, which their client must be told, also when it has only just connected.
    """
    if who.joined_at is not None:
        return event_item(state, EventType.LEFT, who, trigger)
    return notifies(state, EventType.CHAT_ENDED, None, to=who.id) if trigger else Decision(state)


def system_says(state: ConversationState, text: str, trigger: str, content_type: str = "text/plain") -> Decision:
    """A message of the system in the transcript, with what brought it about."""
    state, item = state.with_item(type=ItemType.MESSAGE, content_type=content_type, content=text, trigger=trigger)
    return Decision(state, (item,))


def announces(state: ConversationState, trigger: str, **known: object) -> Decision:
    """The workstream's own text for a trigger, with its slugs filled, unless it is switched off."""
    text: str | None = getattr(state.policy.texts, trigger)
    return system_says(state, filled(text, state, **known), trigger) if text else Decision(state)


def filled(text: str, state: ConversationState, **known: object) -> str:
    """An automated message with its slugs (`workflows.policy.SLUGS`) replaced, in one pass: names may hold braces."""
    values: dict[str, object] = {
        "AgentName": state.owner.name if state.owner else "",
        "CustomerName": state.customer.name,
        "QueueName": state.queue,
        **known,
    }
    return _SLUG.sub(lambda slug: str(values.get(slug[1], "")), text)


def notifies(
    state: ConversationState,
    event: EventType | None,
    who: Participant | None,
    *,
    text: str | None = None,
    to: str | None = None,
    trigger: str | None = None,
) -> Decision:
    """Something that only the sockets hear: an event of a participant or, without one, a message of the system."""
    state, item = state.with_passing_item(
        type=ItemType.EVENT if event else ItemType.MESSAGE,
        content_type=event.content_type if event else "text/plain",
        content=text,
        who=who,
        trigger=trigger,
    )
    return Decision(state, notices=(Notice(item=item, to=to),))
