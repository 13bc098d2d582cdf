"""The change from one contact to the next, and the departure of participants, as changes of the state."""

from __future__ import annotations

from domain.contacts import EndReason, InitiationMethod
from workflows.state import KEPT_FORMER, ConversationState
from workflows.state_parts import TrackedParticipant, UnarchivedContact


def begin_contact(
    state: ConversationState, contact_id: str, initiation: InitiationMethod, queue: str, reason: EndReason
) -> ConversationState:
    """End the present contact for a reason and begin another one. The agent leaves.

    A transferred contact needs no wrap-up. The wrap-up of a contact before a survey continues.
    """
    transferred = initiation is InitiationMethod.TRANSFER
    ended = state.contact.ended(state.clock, reason, state.seq).wrapped_up(state.clock if transferred else None)
    return remove_agent(mark_for_archive(state)).replace(
        unrecorded_contacts=(*state.unrecorded_contacts, ended),
        served_contact=None if transferred else ended,
        contact_id=contact_id,
        initiation=initiation,
        previous_contact_id=state.contact_id,
        past_contact_ids=state.contact_ids[-KEPT_FORMER:],
        queue=queue,
        contact_began_at=state.clock,
        agent_assigned_at=None,
        parked_by=None,
    )


def mark_for_archive(state: ConversationState) -> ConversationState:
    """Record that the transcript file of the present contact must be written, if the policy archives."""
    if not state.policy.archive:
        return state
    return state.replace(unarchived=(*state.unarchived, UnarchivedContact(contact_id=state.contact_id, seq=state.seq)))


def remove_agent(state: ConversationState) -> ConversationState:
    """Make the agent, if there is one, a former participant."""
    departed = _with_departure(state, state.agent) if state.agent else state
    return departed.replace(agent=None, agent_since=None)


def remove_guest(state: ConversationState, guest: TrackedParticipant) -> ConversationState:
    """Make a bot or a supervisor a former participant."""
    bots = tuple(other for other in state.bots if other.id != guest.id)
    supervisors = tuple(other for other in state.supervisors if other.id != guest.id)
    return _with_departure(state, guest).replace(bots=bots, supervisors=supervisors)


def _with_departure(state: ConversationState, participant: TrackedParticipant) -> ConversationState:
    return state.replace(
        unrecorded_departures=(*state.unrecorded_departures, participant.left(state.clock)),
        former_participants=(*state.former_participants, participant.id)[-KEPT_FORMER:],
    )
