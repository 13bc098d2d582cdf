"""The actions of transitions: assignments, departures, new contacts, the end of the chat."""

from __future__ import annotations

from collections.abc import Callable

from domain.contacts import EndReason, InitiationMethod
from domain.conversation import State
from domain.events import BY_ENGINE, AnyEvent, Assign, End, Resume, Transfer
from domain.participants import ParticipantPresence, Role
from domain.routing import EndedOffer, OfferOutcome
from domain.transcript import EventType
from workflows.contact_changes import begin_contact, mark_for_archive, remove_agent
from workflows.decision import Decision, automated_message, departure_item, event_item, send_notice
from workflows.participation import dismiss_supervisors
from workflows.state import ConversationState, derived_id
from workflows.state_parts import TrackedParticipant
from workflows.survey import TRIGGER as SURVEY
from workflows.survey import ask_question

TransitionAction = Callable[[ConversationState, AnyEvent | None], Decision]
"""The action of a transition. The event is None when a timer caused it."""


def assign(state: ConversationState, event: AnyEvent | None) -> Decision:
    """Assign the conversation to the agent named by the event."""
    assert isinstance(event, Assign)
    return _assign_agent(state, event.user, event.name)


def resume(state: ConversationState, event: AnyEvent | None) -> Decision:
    """Assign a parked conversation to the agent named by the event, else to the agent who parked it."""
    assert isinstance(event, Resume)
    parked_by = state.parked_by
    assert parked_by is not None
    assert parked_by.user is not None
    user = event.user or parked_by.user
    name = event.name or (parked_by.name if user == parked_by.user else user)
    claimed = state.with_claim_accepted(event.offer_id, user) if event.offer_id else state
    return _assign_agent(claimed, user, name, accepted=True)


def accept_offer(state: ConversationState, event: AnyEvent | None) -> Decision:
    """Assign the conversation to the agent who has the open offer."""
    assert state.offer is not None
    return _assign_agent(state, state.offer.user, state.offer.name)


def _assign_agent(state: ConversationState, user: str, name: str, *, accepted: bool = False) -> Decision:
    """Assign the conversation. A contact has one agent: if another agent parked it, it continues as a new contact."""
    if state.parked_by and state.parked_by.user != user:
        dismissed = dismiss_supervisors(state).then(lambda s: Decision(_begin_contact_of_another_agent(s)))
        return dismissed.then(lambda s: _assign_agent(s, user, name, accepted=accepted))
    id = derived_id(state.id, f"agent/{user}")
    has_offer = state.offer is not None and state.offer.user == user
    outcome = OfferOutcome.ACCEPTED if has_offer else OfferOutcome.WITHDRAWN
    assigned = state.with_offer_ended(outcome).replace(
        agent=TrackedParticipant(id=id, role=Role.AGENT, name=name, user=user, since=state.clock),
        ahead=False,
        agent_assigned_at=state.agent_assigned_at or state.clock,
        agent_since=state.clock,
        agent_since_seq=state.seq,
        parked_by=None,
        agent_accepted=has_offer or accepted,
        announced_position=None,
        former_participants=tuple(former for former in state.former_participants if former != id),
    )
    return automated_message(assigned, "agent_assigned")


def _begin_contact_of_another_agent(state: ConversationState) -> ConversationState:
    next_id, reason = _next_contact_id(state), EndReason.TRANSFERRED
    return begin_contact(state, next_id, InitiationMethod.TRANSFER, state.queue, reason)


def transfer(state: ConversationState, event: AnyEvent | None) -> Decision:
    """End the present contact and begin one in the named queue, with the named agent if there is one."""
    assert isinstance(event, Transfer)
    agent, contact_id = state.agent, event.contact_id or _next_contact_id(state)
    decision = departure_item(state, agent) if agent else Decision(state)
    decision = decision.then(dismiss_supervisors)
    decision = decision.then(lambda s: event_item(s, EventType.TRANSFERRED, agent))
    decision = decision.then(lambda s: automated_message(s, "transferred", QueueName=event.queue)).then(
        lambda s: Decision(begin_contact(s, contact_id, InitiationMethod.TRANSFER, event.queue, EndReason.TRANSFERRED))
    )
    if event.user is None:
        return decision
    user, name = event.user, event.name or event.user
    return decision.then(lambda s: _assign_agent(s, user, name))


def move(state: ConversationState, event: AnyEvent | None) -> Decision:
    """Move a waiting conversation to the named queue, as a new contact. It keeps the beginning of its wait."""
    return transfer(state.with_offer_ended(OfferOutcome.WITHDRAWN).replace(announced_position=None), event)


def park(state: ConversationState, event: AnyEvent | None) -> Decision:
    """The agent leaves, and stays the owner of the conversation. The contact continues and uses no capacity."""
    assert state.agent is not None
    parked_by = state.agent.left(state.clock)
    decision = departure_item(state, state.agent, trigger="parked").then(lambda s: automated_message(s, "parked"))
    return decision.then(lambda s: Decision(remove_agent(s).replace(parked_by=parked_by)))


def requeue(reason: EndReason, trigger: str) -> TransitionAction:
    """Make an action that returns the conversation to its queue, ahead of the others, as a new contact."""

    def action(state: ConversationState, event: AnyEvent | None) -> Decision:
        assert state.agent is not None
        left = departure_item(state, state.agent, trigger=trigger).then(lambda s: automated_message(s, trigger))
        left = left.then(dismiss_supervisors)
        return left.then(lambda s: Decision(_begin_queued_contact(s, reason)))

    return action


def _begin_queued_contact(state: ConversationState, reason: EndReason) -> ConversationState:
    contact_id = _next_contact_id(state)
    state = _with_agent_passed_over(state, reason)
    return begin_contact(state, contact_id, InitiationMethod.TRANSFER, state.queue, reason).replace(ahead=True)


def _with_agent_passed_over(state: ConversationState, reason: EndReason) -> ConversationState:
    """Record an ended offer for an agent who released the conversation, or never connected to it.

    So routing does not offer it to this agent next. An agent who lost the connection can be offered it again. An agent who took
    it and never connected is set away, too.
    """
    agent = state.agent
    if agent is None or agent.user is None:
        return state
    never_connected = reason is EndReason.AGENT_LOST and agent.presence is ParticipantPresence.AWAITED
    if not never_connected and reason is not EndReason.RELEASED:
        return state
    outcome = OfferOutcome.ABSENT if never_connected and state.agent_accepted else OfferOutcome.REJECTED
    ended = EndedOffer(id=state.contact_id, user=agent.user, outcome=outcome)
    return state.replace(unrecorded_offers=(*state.unrecorded_offers, ended))


def queue_returned(state: ConversationState, event: AnyEvent | None) -> Decision:
    """The customer of a parked conversation wrote: it waits in its queue, ahead of the others, and keeps its owner."""
    return Decision(state.replace(ahead=True))


def end_chat(reason: EndReason) -> TransitionAction:
    """Make an action that ends the chat for the customer.

    The transcript gets the departures, first of the role that ended the chat, then `chat.ended` as the last event.
    """

    def action(state: ConversationState, event: AnyEvent | None) -> Decision:
        decision = Decision(state)
        if reason is EndReason.CUSTOMER_LOST:
            decision = decision.then(lambda s: automated_message(s, "customer_disconnected"))
        nobody_answered = reason is EndReason.OPEN_TOO_LONG and state.policy.texts.nobody_available is not None
        decision = decision.then(lambda s: automated_message(s, "nobody_available" if nobody_answered else "ended"))
        first = Role.AGENT if reason in (EndReason.AGENT_ENDED, EndReason.AUTO_DISCONNECTED) else Role.CUSTOMER
        for participant in sorted(state.participants, key=lambda p: p.role is not first):
            decision = decision.then(lambda s, p=participant: _leave_with_end(s, p))
        decision = decision.then(lambda s: event_item(s, EventType.CHAT_ENDED, None, once=True))
        return decision.then(lambda s: Decision(_with_end(s, reason)))

    return action


def stop_chat(state: ConversationState, event: AnyEvent | None) -> Decision:
    """End the chat from outside: by a backend or an operator, or because its workflow was gone."""
    is_gone = isinstance(event, End) and event.by == BY_ENGINE
    return end_chat(EndReason.WORKFLOW_GONE if is_gone else EndReason.STOPPED)(state, event)


def _leave_with_end(state: ConversationState, participant: TrackedParticipant) -> Decision:
    joined = participant.joined_at is not None
    decision = event_item(state, EventType.LEFT, participant, once=True) if joined else Decision(state)
    return decision.then(lambda s: Decision(s.with_participant(participant.away(s.clock).left(s.clock))))


def _with_end(state: ConversationState, reason: EndReason) -> ConversationState:
    ended = state.replace(
        ended_at=state.clock,
        end_reason=state.end_reason or reason,
        closed_at=state.clock if state.state is State.CLOSED else None,
        survey_step=None,
    )
    return mark_for_archive(ended)


def close(state: ConversationState, event: AnyEvent | None) -> Decision:
    """Close the conversation after its wrap-up."""
    return Decision(state.replace(closed_at=state.clock))


def finish_agent_wrap_up(state: ConversationState, event: AnyEvent | None) -> Decision:
    """End the agent's wrap-up while the survey is open; the end of the survey then closes the conversation."""
    return Decision(state.replace(agent_done_at=state.clock))


def end_by_agent(state: ConversationState, event: AnyEvent | None) -> Decision:
    """The agent ends the chat; a survey may follow."""
    announced = automated_message(state, "agent_ended")
    return announced.then(lambda s: _end_or_begin_survey(s, event, EndReason.AGENT_ENDED))


def end_by_participant_timer(state: ConversationState, event: AnyEvent | None) -> Decision:
    """End the chat because a participant timer expired (Amazon Connect: disconnect flow).

    If a survey follows, only the agent leaves; otherwise all participants leave.
    """
    participant = state.agent or next(iter(state.bots), None)
    announced = send_notice(state, EventType.AUTO_DISCONNECTED, participant)
    return announced.then(lambda s: _end_or_begin_survey(s, event, EndReason.AUTO_DISCONNECTED))


def _end_or_begin_survey(state: ConversationState, event: AnyEvent | None, reason: EndReason) -> Decision:
    """Begin the survey if there is one and the customer has ever been connected; else end the chat."""
    agent, survey = state.agent, state.policy.survey
    if survey is None or agent is None or state.customer.joined_at is None:
        return end_chat(reason)(state, event)
    left = departure_item(state, agent, trigger=SURVEY).then(dismiss_supervisors)
    begun = left.then(lambda s: Decision(_begin_survey(s, reason)))
    return begun if state.survey_by_bot else begun.then(ask_question)


def _begin_survey(state: ConversationState, reason: EndReason) -> ConversationState:
    contact_id = derived_id(state.id, f"survey/{state.contact_id}")
    contact = begin_contact(state, contact_id, InitiationMethod.DISCONNECT, state.queue, reason)
    return contact.replace(end_reason=reason, survey_since=state.clock, survey_step=0)


def _next_contact_id(state: ConversationState) -> str:
    return derived_id(state.id, f"contact/{state.contact_id}")
