"""The conversation's decisions: `decide(state, event, now) -> Decision`. Pure; never raises on input.

Changes of state are rows of `TABLE`, numbered as in the project's design. What no row covers is refused and changes
nothing. Messages and connections happen within a state and have a function each.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from workflows.events import AnyEvent, Assign, Close, Connect, Disconnect, End, Message, Park, Resume, Transfer, instant
from workflows.state import REMEMBERED_IDS, ConversationState, derived_id
from workflows.timers import Timer, next_deadline
from workflows.values import (
    EndReason,
    EventType,
    Initiation,
    Item,
    ItemType,
    Mode,
    Participant,
    Policy,
    Presence,
    Role,
    State,
)


class Decision(NamedTuple):
    """What an event leads to: the next state, the transcript items to write, and why it was refused, if it was."""

    state: ConversationState
    items: tuple[Item, ...] = ()
    refused: str | None = None


class Trigger(StrEnum):
    """What can move a conversation from one state to another."""

    ASSIGNED = "assign"
    TRANSFERRED = "transfer to a queue"
    HANDED_OVER = "transfer to an agent"
    PARKED = "park"
    RESUMED = "resume"
    CUSTOMER_ENDS = "end by the customer"
    AGENT_ENDS = "end by the agent"
    STOPPED = "stop"
    CLOSED = "close"
    NEVER_CONNECTED = Timer.CONNECT
    CUSTOMER_LOST = Timer.RECONNECT
    OPEN_TOO_LONG = Timer.OPEN_AGE
    DURATION_REACHED = Timer.DURATION
    WRAP_UP_OVER = Timer.WRAP_UP


Action = Callable[[ConversationState, AnyEvent | None], Decision]
"""What a change of state does besides changing it; the event is `None` when a timer brought it about."""


class Row(NamedTuple):
    """One line of the table of state changes."""

    number: int
    source: State
    trigger: Trigger
    applies: Callable[[Policy], bool]
    target: State
    action: Action


def begin(state: ConversationState, greeting: Message | None) -> Decision:
    """The first decision of a conversation: its initial message, if it has one. It does not prove that anybody is there."""
    return _message(state, greeting, proves_presence=False) if greeting else Decision(state)


def decide(state: ConversationState, event: AnyEvent, now: datetime) -> Decision:
    """What `event` leads to. Deadlines that passed before it happened come first, each at its own instant.

    Args:
        state: the conversation as it stands.
        event: what happened.
        now: the present instant; an event that names a later one counts as happening now.
    """
    at = instant(event, now)
    state, overdue, _ = catch_up(state, at)
    state, items, refused = _apply(_at(state, at), event)
    return Decision(state, (*overdue, *items), refused)


def catch_up(state: ConversationState, now: datetime) -> Decision:
    """What the deadlines that have passed until `now` lead to."""
    items: tuple[Item, ...] = ()
    while (deadline := next_deadline(state)) and deadline.due <= now:
        state, more, _ = _change(_at(state, deadline.due), Trigger(deadline.timer), None)
        items += more
    return Decision(state, items)


def _at(state: ConversationState, instant: datetime) -> ConversationState:
    return state.but(clock=max(state.clock, instant))


def _apply(state: ConversationState, event: AnyEvent) -> Decision:
    match event:
        case Message():
            return _message(state, event)
        case Connect():
            return _connect(state, event)
        case Disconnect():
            return _disconnect(state, event)
        case Assign():
            return _change(state, Trigger.ASSIGNED, event)
        case Transfer():
            return _change(state, Trigger.HANDED_OVER if event.user else Trigger.TRANSFERRED, event)
        case Park():
            return _change(state, Trigger.PARKED, event)
        case Resume():
            return _change(state, Trigger.RESUMED, event)
        case End() if event.by in state.former:
            return _refuse(state, "end", "they have left the conversation")
        case End():
            return _change(state, _who_ends(state, event), event)
        case Close():
            return _change(state, Trigger.CLOSED, event)


def _change(state: ConversationState, trigger: Trigger, event: AnyEvent | None) -> Decision:
    for row in TABLE:
        if (row.source, row.trigger) == (state.state, trigger) and row.applies(state.policy):
            return row.action(state.but(state=row.target, since=state.clock), event)
    if isinstance(event, Transfer) and event.contact_id == state.contact_id:
        return Decision(state)  # a repeated transfer is no news
    if isinstance(event, Assign) and state.agent and state.agent.user == event.user and not state.ended:
        return Decision(state)  # a repeated assignment to the same agent is no news
    return _refuse(state, trigger, _why_not(state, trigger))


def _who_ends(state: ConversationState, event: End) -> Trigger:
    who = state.participant(event.by)
    if who is None:
        return Trigger.STOPPED
    return Trigger.CUSTOMER_ENDS if who.role is Role.CUSTOMER else Trigger.AGENT_ENDS


def _why_not(state: ConversationState, trigger: Trigger) -> str:
    if state.ended and trigger is not Trigger.CLOSED:
        return "the conversation has ended"
    if trigger is Trigger.CUSTOMER_ENDS and not state.policy.customer_may_end:
        return "the customer may leave this conversation, but only the agent may end it"
    if trigger in (Trigger.PARKED, Trigger.RESUMED):
        return f"not in this mode: a {state.mode} conversation in state {state.state} cannot do it"
    return f"not possible for a {state.mode} conversation in state {state.state}"


def _refuse(state: ConversationState, what: str, why: str) -> Decision:
    return Decision(state.rejecting(what, why, state.clock), refused=why)


# Within a state: messages and connections


def _message(state: ConversationState, message: Message, *, proves_presence: bool = True) -> Decision:
    if message.id in state.remembered:
        return Decision(state)
    who = state.participant(message.by)
    if state.ended and message.id is None:
        return _refuse(state, "message", "the conversation has ended")
    if who is None and message.role and message.name:
        who = Participant(id=message.by, role=message.role, name=message.name, since=state.clock, joined_at=state.clock)
        return _said(state, message, who)
    if who is None and message.by not in ("system", "operator"):
        return _refuse(state, "message", f"by: {message.by!r} takes no part in this conversation")
    items: tuple[Item, ...] = ()
    if who and not state.ended and proves_presence:
        state, items = _seen(state, who)
    return _said(state, message, who, items)


def _said(
    state: ConversationState, message: Message, who: Participant | None, before: tuple[Item, ...] = ()
) -> Decision:
    state, item = state.with_item(
        type=ItemType.MESSAGE,
        content_type=message.content_type,
        content=message.content,
        who=who,
        id=message.id,
    )
    return Decision(state.but(remembered=(*state.remembered, item.id)[-REMEMBERED_IDS:]), (*before, item))


def _seen(state: ConversationState, who: Participant) -> tuple[ConversationState, tuple[Item, ...]]:
    """A message proves that its sender is there: the first counts as joining, a later one restarts the absence."""
    if who.presence is Presence.AWAITED:
        return _join(state, who)
    if who.presence is Presence.AWAY:
        state = state.with_participant(who.model_copy(update={"since": state.clock}))
    return state, ()


def _join(state: ConversationState, who: Participant) -> tuple[ConversationState, tuple[Item, ...]]:
    joined = who.model_copy(
        update={"presence": Presence.CONNECTED, "since": state.clock, "joined_at": who.joined_at or state.clock}
    )
    state = state.with_participant(joined)
    if who.joined_at is not None:
        return state, ()
    state, item = _event(state, EventType.JOINED, joined)
    return state, (item,)


def _connect(state: ConversationState, event: Connect) -> Decision:
    who = state.participant(event.by)
    if who is None and event.by in state.former:
        return Decision(state)
    if who is None:
        return _refuse(state, "connect", f"by: {event.by!r} takes no part in this conversation")
    if state.ended:
        return Decision(state)
    return Decision(*_join(state, who))


def _disconnect(state: ConversationState, event: Disconnect) -> Decision:
    who = state.participant(event.by)
    if who is None and event.by in state.former:
        return Decision(state)
    if who is None:
        return _refuse(state, "disconnect", f"by: {event.by!r} takes no part in this conversation")
    overtaken = event.at is not None and event.at < who.since  # they were back before this news of their loss came
    if state.ended or who.presence is not Presence.CONNECTED or overtaken:
        return Decision(state)
    away = who.model_copy(update={"presence": Presence.AWAY, "since": state.clock})
    return Decision(state.with_participant(away))


# Changes of state


def _seat_agent(state: ConversationState, event: AnyEvent | None) -> Decision:
    assert isinstance(event, Assign)
    agent = Participant(
        id=derived_id(state.id, f"agent/{event.user}"),
        role=Role.AGENT,
        name=event.name,
        user=event.user,
        since=state.clock,
    )
    return Decision(state.but(agent=agent, agent_assigned_at=state.clock))


def _hand_on(state: ConversationState, event: AnyEvent | None) -> Decision:
    """The present contact ends and a new one begins. The customer notices nothing but that somebody left and joins."""
    assert isinstance(event, Transfer)
    items: list[Item] = []
    leaver = state.agent
    if leaver and leaver.joined_at is not None:
        state, left = _event(state, EventType.LEFT, leaver)
        items.append(left)
    state, transferred = _event(state, EventType.TRANSFERRED, leaver)
    items.append(transferred)
    state = state.on_next_leg(event.contact_id, Initiation.TRANSFER, event.queue)
    if event.user is None:
        return Decision(state, tuple(items))
    seated = _seat_agent(state, Assign(user=event.user, name=event.name or event.user, by=event.by))
    return Decision(seated.state, tuple(items))


def _ends(reason: EndReason) -> Action:
    """The end for the customer: who left is recorded, whoever ended it first, then `chat.ended`, the last they see."""

    def end(state: ConversationState, event: AnyEvent | None) -> Decision:
        items: list[Item] = []
        if reason is EndReason.CUSTOMER_LOST and (text := state.policy.texts.customer_disconnected):
            state, said = state.with_item(
                type=ItemType.MESSAGE, content_type="text/plain", content=text, trigger="customer_disconnected"
            )
            items.append(said)
        leaver = Role.AGENT if reason is EndReason.AGENT_ENDED else Role.CUSTOMER
        for who in sorted(state.participants, key=lambda p: p.role is not leaver):
            if who.joined_at is not None:
                state, left = _event(state, EventType.LEFT, who)
                items.append(left)
            state = state.with_participant(
                who.model_copy(update={"presence": Presence.AWAY, "since": state.clock, "left_at": state.clock})
            )
        state, ended = _event(state, EventType.CHAT_ENDED, None)
        closed_at = state.clock if state.state is State.CLOSED else None
        return Decision(state.but(ended_at=state.clock, end_reason=reason, closed_at=closed_at), (*items, ended))

    return end


def _close(state: ConversationState, event: AnyEvent | None) -> Decision:
    return Decision(state.but(closed_at=state.clock))


def _event(state: ConversationState, event: EventType, who: Participant | None) -> tuple[ConversationState, Item]:
    return state.with_item(type=ItemType.EVENT, content_type=event.content_type, who=who)


def _any(_: Policy) -> bool:
    return True


def _live(policy: Policy) -> bool:
    return policy.mode is Mode.LIVE


def _may_end(policy: Policy) -> bool:
    return policy.customer_may_end


TABLE = (
    #   no.  from           on                        applies   to              and then
    Row(2,  State.OPEN,    Trigger.ASSIGNED,         _any,     State.ACTIVE,   _seat_agent),
    Row(3,  State.OPEN,    Trigger.CUSTOMER_ENDS,    _may_end, State.CLOSED,   _ends(EndReason.CUSTOMER_ENDED)),
    Row(3,  State.OPEN,    Trigger.CUSTOMER_LOST,    _live,    State.CLOSED,   _ends(EndReason.CUSTOMER_LOST)),
    Row(3,  State.OPEN,    Trigger.NEVER_CONNECTED,  _live,    State.CLOSED,   _ends(EndReason.NEVER_CONNECTED)),
    Row(4,  State.OPEN,    Trigger.OPEN_TOO_LONG,    _any,     State.CLOSED,   _ends(EndReason.OPEN_TOO_LONG)),
    Row(5,  State.ACTIVE,  Trigger.AGENT_ENDS,       _any,     State.WRAP_UP,  _ends(EndReason.AGENT_ENDED)),
    Row(6,  State.ACTIVE,  Trigger.CUSTOMER_ENDS,    _may_end, State.WRAP_UP,  _ends(EndReason.CUSTOMER_ENDED)),
    Row(7,  State.ACTIVE,  Trigger.CUSTOMER_LOST,    _live,    State.WRAP_UP,  _ends(EndReason.CUSTOMER_LOST)),
    Row(7,  State.ACTIVE,  Trigger.NEVER_CONNECTED,  _live,    State.WRAP_UP,  _ends(EndReason.NEVER_CONNECTED)),
    Row(9,  State.ACTIVE,  Trigger.TRANSFERRED,      _any,     State.OPEN,     _hand_on),
    Row(9,  State.ACTIVE,  Trigger.HANDED_OVER,      _any,     State.ACTIVE,   _hand_on),
    Row(14, State.WRAP_UP, Trigger.CLOSED,           _any,     State.CLOSED,   _close),
    Row(14, State.WRAP_UP, Trigger.WRAP_UP_OVER,     _any,     State.CLOSED,   _close),
    Row(15, State.OPEN,    Trigger.STOPPED,          _any,     State.CLOSED,   _ends(EndReason.STOPPED)),
    Row(15, State.ACTIVE,  Trigger.STOPPED,          _any,     State.WRAP_UP,  _ends(EndReason.STOPPED)),
    Row(15, State.OPEN,    Trigger.DURATION_REACHED, _any,     State.CLOSED,   _ends(EndReason.DURATION_REACHED)),
    Row(15, State.ACTIVE,  Trigger.DURATION_REACHED, _any,     State.WRAP_UP,  _ends(EndReason.DURATION_REACHED)),
)  # fmt: skip
"""Every change of state. Rows 8 to 13 belong to the board and to parking, which this table does not know yet."""
