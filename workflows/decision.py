"""A decision of the machine, and the functions that build one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from domain.policy import SLUGS
from domain.refusals import Refusal, RefusalCode, refusal
from domain.transcript import EventType, ItemType, Notice, TranscriptItem
from workflows.state import ConversationState, derived_id
from workflows.state_parts import TrackedParticipant
from workflows.transcript_items import next_item, notice_item

_SLUG = re.compile(r"\{(" + "|".join(SLUGS) + r")\}")


class Decision(NamedTuple):
    """The effects of an event: the next state, the transcript items to write, and the notices for the sockets."""

    state: ConversationState
    items: tuple[TranscriptItem, ...] = ()
    refused: Refusal | None = None
    """Why the event was refused; None if it was not."""
    notices: tuple[Notice, ...] = ()
    absent: tuple[str, ...] = ()
    """The ids of the participants for whose absence the conversation changes its state."""

    def then(self, action: Callable[[ConversationState], Decision]) -> Decision:
        """Continue with `action` from this decision's state. A refusal stops the chain: `action` does not run."""
        return self if self.refused else self.followed_by(action(self.state))

    def followed_by(self, later: Decision) -> Decision:
        """Append a later decision, made from this decision's state. `refused` is that of the later decision, also None."""
        return Decision(
            later.state,
            (*self.items, *later.items),
            later.refused,
            (*self.notices, *later.notices),
            (*self.absent, *later.absent),
        )


def refuse(state: ConversationState, what: str, code: RefusalCode, /, **facts: object) -> Decision:
    """Refuse an input, and record the refusal for operators.

    Args:
        what: the name of the refused input, such as a trigger.
        facts: values for the placeholders of the code's template.
    """
    refused = refusal(code, **facts)
    return Decision(state.with_refusal(what, refused, state.clock), refused=refused)


def event_item(
    state: ConversationState,
    event: EventType,
    participant: TrackedParticipant | None,
    trigger: str | None = None,
    *,
    once: bool = False,
) -> Decision:
    """Create the transcript item of an event.

    Args:
        state: the conversation before the event.
        event: which event.
        participant: the participant that the event concerns; None for the system.
        trigger: the cause of the event, if the transcript needs it.
        once: whether the event can happen only once for this participant. Then the item's id is derived from the participant and
            the event, so that a repeated write changes nothing.
    """
    id = derived_id(state.id, f"{event}/{participant.id if participant else 'system'}") if once else None
    state, item = next_item(
        state,
        type=ItemType.EVENT,
        content_type=event.content_type,
        participant=participant,
        trigger=trigger,
        id=id,
    )
    return Decision(state, (item,))


def departure_item(state: ConversationState, participant: TrackedParticipant, trigger: str | None = None) -> Decision:
    """Create the transcript item that says that a participant left. The participant stays in the state.

    Nothing is created for a participant who never joined. But with a trigger the chat continues without them, and they may be
    connecting: then they get the notice `chat.ended`.
    """
    if participant.joined_at is not None:
        return event_item(state, EventType.LEFT, participant, trigger)
    return send_notice(state, EventType.CHAT_ENDED, None, to=participant.id) if trigger else Decision(state)


def system_message(state: ConversationState, text: str, trigger: str, content_type: str = "text/plain") -> Decision:
    """Create the transcript item of a message of the system. `trigger`: the cause of the message."""
    state, item = next_item(state, type=ItemType.MESSAGE, content_type=content_type, content=text, trigger=trigger)
    return Decision(state, (item,))


def automated_message(state: ConversationState, trigger: str, **slugs: object) -> Decision:
    """Create the transcript item of the workstream's text for a trigger, unless the text is switched off.

    `slugs` are values for the names in braces of the text.
    """
    text: str | None = getattr(state.policy.texts, trigger)
    return system_message(state, fill_slugs(text, state, **slugs), trigger) if text else Decision(state)


def fill_slugs(text: str, state: ConversationState, **slugs: object) -> str:
    """Replace the slugs (`domain.policy.SLUGS`) of an automated message. One pass, because names can contain braces."""
    values: dict[str, object] = {
        "AgentName": state.owner.name if state.owner else "",
        "CustomerName": state.customer.name,
        "QueueName": state.queue,
        **slugs,
    }
    return _SLUG.sub(lambda slug: str(values.get(slug[1], "")), text)


def send_notice(
    state: ConversationState,
    event: EventType | None,
    participant: TrackedParticipant | None,
    *,
    text: str | None = None,
    to: str | None = None,
    trigger: str | None = None,
) -> Decision:
    """Send a notice to the sockets only: an event of a participant or, without an event, a message of the system.

    `to` is the id of the only recipient; None sends it to all participants.
    """
    state, item = notice_item(
        state,
        type=ItemType.EVENT if event else ItemType.MESSAGE,
        content_type=event.content_type if event else "text/plain",
        content=text,
        participant=participant,
        trigger=trigger,
    )
    return Decision(state, notices=(Notice(item=item, to=to),))
