"""Offers, positions and opening hours: the events of a conversation that waits in a queue."""

from __future__ import annotations

from datetime import timedelta

from domain.conversation import Mode, State
from domain.events import MakeOffer, OpeningHours, QueuePosition
from domain.refusals import RefusalCode
from domain.routing import OfferOutcome
from workflows.decision import Decision, automated_message, refuse
from workflows.state import ConversationState
from workflows.state_parts import PendingOffer, QueueHours

MIN_ANNOUNCED_WAIT = timedelta(minutes=1)
"""A shorter average wait is not announced (Dynamics 365)."""


def make_offer(state: ConversationState, event: MakeOffer) -> Decision:
    """Offer the conversation to an agent. Idempotent, also after the offer has ended.

    A conversation that is not open ends the offer at once, and its next placement reports the withdrawal to routing.
    """
    if (state.offer and state.offer.id == event.offer_id) or state.past_offer(event.offer_id):
        return Decision(state)
    offered = PendingOffer(id=event.offer_id, user=event.user, name=event.name, until=event.until)
    if state.state is not State.OPEN:
        return Decision(state.replace(offer=offered).with_offer_ended(OfferOutcome.WITHDRAWN))
    state = state.with_offer_ended(OfferOutcome.WITHDRAWN)
    return Decision(state.replace(offer=offered).with_change_note(f"offered to agent {event.user}"))


def end_offer(state: ConversationState, offer_id: str, outcome: OfferOutcome) -> Decision:
    """End the open offer without an assignment: rejected, missed or withdrawn."""
    if state.offer is None or state.offer.id != offer_id:
        return refuse(state, "offer", RefusalCode.OFFER_OVER)
    note = f"agent {state.offer.user}: offer {outcome}"
    return Decision(state.with_offer_ended(outcome).with_change_note(note))


def announce_position(state: ConversationState, event: QueuePosition) -> Decision:
    """Send the customer a changed position in the queue and, once, the average wait."""
    if state.mode is Mode.PERSISTENT:
        return refuse(state, "position", RefusalCode.LIVE_ONLY)
    if state.state is not State.OPEN or event.position == state.announced_position:
        return Decision(state)
    decision = Decision(state.replace(announced_position=event.position))
    if event.position == 1:
        decision = decision.then(lambda s: automated_message(s, "next_in_line"))
    else:
        ahead = event.position - 1
        decision = decision.then(lambda s: automated_message(s, "position_in_queue", PeopleAhead=ahead))
    wait = event.average_wait
    if wait is None or wait < MIN_ANNOUNCED_WAIT or state.wait_announced:
        return decision
    minutes = round(wait.total_seconds() / 60)
    return decision.then(
        lambda s: automated_message(s.replace(wait_announced=True), "average_wait", WaitMinutes=minutes)
    )


def record_opening_hours(state: ConversationState, event: OpeningHours) -> Decision:
    """Record the opening hours of a queue. A closed queue is announced to a waiting customer once, until it opens."""
    known = state.hours if state.hours and state.hours.queue == event.queue else None
    was_closed = known is not None and not known.open
    announced = known is not None and not known.open and not known.stale
    opened_at = known.opened_at if known else None
    if event.open and known and was_closed:
        opened_at = known.lapsed_at or state.clock
    hours = QueueHours(queue=event.queue, open=event.open, until=event.until, opened_at=opened_at)
    state = state.replace(hours=hours)
    if event.queue != state.queue or state.state is not State.OPEN:
        return Decision(state)
    if event.open:
        return Decision(state.with_change_note("the queue has opened") if was_closed else state)
    if announced:
        return Decision(state)
    state = state.with_change_note("the queue is closed")
    if event.opens is None:
        return automated_message(state, "closed")
    trigger = "holiday" if event.holiday and state.policy.texts.holiday else "out_of_hours"
    return automated_message(state, trigger, OpeningTime=event.opens)
