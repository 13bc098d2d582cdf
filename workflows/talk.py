"""What happens within a state: messages, and participants who come and are lost."""

from __future__ import annotations

from workflows.decision import Decision, event_item, refuse
from workflows.events import Connect, Disconnect, Invite, Leave, Message
from workflows.state import MOST_BOTS, REMEMBERED_IDS, ConversationState
from workflows.values import EventType, Item, ItemType, Participant, Presence, Role


def say(state: ConversationState, message: Message, *, proves_presence: bool = True) -> Decision:
    """Somebody says something. What was accepted is recorded in any state, once."""
    if message.id in state.remembered:
        return Decision(state)
    who = state.participant(message.by)
    if state.ended and message.id is None:
        return refuse(state, "message", "the conversation has ended")
    if who is None and message.role and message.name:
        who = Participant(id=message.by, role=message.role, name=message.name, since=state.clock, joined_at=state.clock)
        return _said(state, message, who)
    if who is None and message.by not in ("system", "operator"):
        return refuse(state, "message", f"by: {message.by!r} takes no part in this conversation")
    items: tuple[Item, ...] = ()
    if who and not state.ended and proves_presence:
        state, items = _seen(state, who)
    return _said(state, message, who, items)


def invite(state: ConversationState, event: Invite) -> Decision:
    """A bot joins. Its presence is not watched: it is connected until it leaves."""
    if any(bot.id == event.participant_id for bot in state.bots):
        return Decision(state)  # a repeated invitation is no news
    if state.ended:
        return refuse(state, "invite", "the conversation has ended")
    if len(state.bots) >= MOST_BOTS:
        return refuse(state, "invite", f"at most {MOST_BOTS} bots can take part")
    bot = Participant(id=event.participant_id, role=Role.CUSTOM_BOT, name=event.name, since=state.clock)
    return Decision(*_join(state.but(bots=(*state.bots, bot)), bot))


def leave(state: ConversationState, event: Leave) -> Decision:
    """A bot leaves."""
    bot = next((bot for bot in state.bots if bot.id == event.by), None)
    if bot is None:
        return refuse(state, "leave", f"by: {event.by!r} is no bot in this conversation")
    state, left = event_item(state, EventType.LEFT, bot)
    return Decision(state.without_bot(bot), (left,))


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
    if state.ended:  # it crossed the end on its way: the file is to be written once more
        state = state.to_archive()
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
    state, item = event_item(state, EventType.JOINED, joined)
    return state, (item,)


def connect(state: ConversationState, event: Connect) -> Decision:
    """A participant is there."""
    who = state.participant(event.by)
    if who is None and event.by in state.former:
        return Decision(state)
    if who is None:
        return refuse(state, "connect", f"by: {event.by!r} takes no part in this conversation")
    if state.ended:
        return Decision(state)
    return Decision(*_join(state, who))


def disconnect(state: ConversationState, event: Disconnect) -> Decision:
    """A participant is lost."""
    who = state.participant(event.by)
    if who is None and event.by in state.former:
        return Decision(state)
    if who is None:
        return refuse(state, "disconnect", f"by: {event.by!r} takes no part in this conversation")
    overtaken = event.at is not None and event.at < who.since  # they were back before this news of their loss came
    if state.ended or who.presence is not Presence.CONNECTED or overtaken:
        return Decision(state)
    away = who.model_copy(update={"presence": Presence.AWAY, "since": state.clock})
    return Decision(state.with_participant(away))
