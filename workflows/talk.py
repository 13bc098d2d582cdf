"""What happens within a state: messages, participants who come and are lost, and what is told to those who wait."""

from __future__ import annotations

from datetime import timedelta

from workflows.decision import Decision, announces, event_item, leaves, refuse
from workflows.events import Configure, Connect, Disconnect, Hours, Invite, Leave, Message, Offer, Position
from workflows.memory import Offered, QueueHours
from workflows.silence import speaks
from workflows.state import MOST_BOTS, REMEMBERED_IDS, ConversationState
from workflows.values import EventType, ItemType, Mode, OfferOutcome, Participant, Presence, Role, State

_RESERVED = ("customer", "agent", "system", "operator")
"""Words that stand for somebody in `by`."""

TOLD_WAIT = timedelta(minutes=1)
"""Shorter average waits are not told (Dynamics 365)."""


def say(state: ConversationState, message: Message, *, proves_presence: bool = True) -> Decision:
    """Somebody says something. What was accepted is recorded in any state, once."""
    if message.id in state.remembered:
        return Decision(state)
    who = state.participant(message.by)
    if state.ended and message.id is None:
        return refuse(state, "message", "the conversation has ended")
    if who is None and message.role and message.name:
        who = Participant(id=message.by, role=message.role, name=message.name, since=state.clock, joined_at=state.clock)
        return _recorded(state, message, who)
    if who is None and message.by not in ("system", "operator"):
        return refuse(state, "message", f"by: {message.by!r} takes no part in this conversation")
    said = Decision(state)
    if who and not state.ended and proves_presence:
        said = said.then(lambda s: _seen(s, who))
    if who and not state.ended and who.role in (Role.CUSTOMER, Role.AGENT):
        said = said.then(lambda s: speaks(s, s.participant(who.id) or who))
    return said.then(lambda s: _recorded(s, message, who))


def _recorded(state: ConversationState, message: Message, who: Participant | None) -> Decision:
    state, item = state.with_item(
        type=ItemType.MESSAGE,
        content_type=message.content_type,
        content=message.content,
        who=who,
        id=message.id,
    )
    if state.ended:  # it crossed the end on its way: the file is to be written once more
        state = state.to_archive()
    remembered = (*state.remembered, item.id)[-REMEMBERED_IDS:]
    return Decision(state.but(remembered=remembered, spoken_at=state.clock), (item,))


def _seen(state: ConversationState, who: Participant) -> Decision:
    """A message proves that its sender is there: the first counts as joining, a later one restarts the absence."""
    if who.presence is Presence.AWAITED or who.joined_at is None:
        return _join(state, who)
    if who.presence is Presence.AWAY:
        return Decision(state.with_participant(who.model_copy(update={"since": state.clock})))
    return Decision(state)


def _join(state: ConversationState, who: Participant) -> Decision:
    joined = who.model_copy(
        update={"presence": Presence.CONNECTED, "since": state.clock, "joined_at": who.joined_at or state.clock}
    )
    state = state.with_participant(joined)
    if who.joined_at is not None:
        return Decision(state)
    told = event_item(state, EventType.JOINED, joined)
    return told.then(lambda s: announces(s, "agent_joined")) if who.role is Role.AGENT else told


def invite(state: ConversationState, event: Invite) -> Decision:
    """A bot joins. Its presence is not watched: it is connected until it leaves."""
    if any(bot.id == event.participant_id for bot in state.bots):
        return Decision(state)  # a repeated invitation is no news
    if state.ended:
        return refuse(state, "invite", "the conversation has ended")
    if len(state.bots) >= MOST_BOTS:
        return refuse(state, "invite", f"at most {MOST_BOTS} bots can take part")
    if event.participant_id in _RESERVED or state.participant(event.participant_id):
        return refuse(state, "invite", f"participant_id: {event.participant_id!r} is somebody else")
    bot = Participant(id=event.participant_id, role=Role.CUSTOM_BOT, name=event.name, since=state.clock)
    former = tuple(leaver for leaver in state.former if leaver != bot.id)
    return _join(state.but(bots=(*state.bots, bot), former=former), bot)


def leave(state: ConversationState, event: Leave) -> Decision:
    """A bot leaves."""
    bot = next((bot for bot in state.bots if bot.id == event.by), None)
    if bot is None:
        return refuse(state, "leave", f"by: {event.by!r} is no bot in this conversation")
    if state.ended:
        return Decision(state)  # everybody has left with the end
    return leaves(state, bot, trigger="left").then(lambda s: Decision(s.without_bot(bot)))


def connect(state: ConversationState, event: Connect) -> Decision:
    """A participant is there."""
    who = state.participant(event.by)
    if who is None and event.by in state.former:
        return Decision(state)
    if who is None:
        return refuse(state, "connect", f"by: {event.by!r} takes no part in this conversation")
    if state.ended:
        return Decision(state)
    return _join(state, who)


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


def configure(state: ConversationState, event: Configure) -> Decision:
    """Participant timers are set, changed or taken away, with effect at once."""
    if state.ended:
        return refuse(state, "configure", "the conversation has ended")
    changed = {(timer.role, timer.kind): timer for timer in (*state.participant_timers, *event.timers)}
    return Decision(state.but(participant_timers=tuple(t for t in changed.values() if t.limit is not None)))


def offer(state: ConversationState, event: Offer) -> Decision:
    """An agent is asked. Of an offer for what is not to be had any more, the board is told that it is over.

    One that has been made already is no news, whatever has become of it.
    """
    if (state.offer and state.offer.id == event.offer_id) or state.past_offer(event.offer_id):
        return Decision(state)
    offered = Offered(id=event.offer_id, user=event.user, name=event.name, until=event.until)
    if state.state is not State.OPEN:
        return Decision(state.but(offer=offered).without_offer(OfferOutcome.WITHDRAWN))
    state = state.without_offer(OfferOutcome.WITHDRAWN)
    return Decision(state.but(offer=offered).noting(f"offered to agent {event.user}"))


def offer_over(state: ConversationState, offer_id: str, outcome: OfferOutcome) -> Decision:
    """The agent does not take it, or is gone: it waits for the next one."""
    if state.offer is None or state.offer.id != offer_id:
        return refuse(state, "offer", "the offer is over")
    what = f"agent {state.offer.user}: offer {outcome}"
    return Decision(state.without_offer(outcome).noting(what))


def position(state: ConversationState, event: Position) -> Decision:
    """The customer is told their place in the queue when it has changed, and once how long others have waited."""
    if state.mode is Mode.PERSISTENT:
        return refuse(state, "position", "not in this mode: the customer of a persistent conversation does not wait")
    if state.state is not State.OPEN or event.position == state.told_position:
        return Decision(state)
    told = Decision(state.but(told_position=event.position))
    if event.position == 1:
        told = told.then(lambda s: announces(s, "next_in_line"))
    else:
        told = told.then(lambda s: announces(s, "position_in_queue", PeopleAhead=event.position - 1))
    wait = event.average_wait
    if wait is None or wait < TOLD_WAIT or state.told_wait:
        return told
    minutes = round(wait.total_seconds() / 60)
    return told.then(lambda s: announces(s.but(told_wait=True), "average_wait", WaitMinutes=minutes))


def hours(state: ConversationState, event: Hours) -> Decision:
    """What the opening hours of its queue say. Who waits before closed doors is told once until they open."""
    known = state.hours if state.hours and state.hours.queue == event.queue else None
    was_closed = known is not None and not known.open
    told = known is not None and not known.open and not known.stale
    opened_at = known.opened_at if known else None
    if event.open and known and was_closed:
        opened_at = known.lapsed_at or state.clock
    state = state.but(hours=QueueHours(queue=event.queue, open=event.open, until=event.until, opened_at=opened_at))
    if event.queue != state.queue or state.state is not State.OPEN:
        return Decision(state)
    if event.open:
        return Decision(state.noting("the queue has opened") if was_closed else state)
    if told:
        return Decision(state)
    state = state.noting("the queue is closed")
    if event.opens is None:
        return announces(state, "closed")
    trigger = "holiday" if event.holiday and state.policy.texts.holiday else "out_of_hours"
    return announces(state, trigger, OpeningTime=event.opens)
