"""The participant timers of one conversation (UpdateParticipantRoleConfig). They run while both sides are connected."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.events import Configure
from domain.participants import ParticipantPresence, ParticipantTimer, Role
from domain.refusals import RefusalCode
from domain.transcript import EventType
from workflows.decision import Decision, refuse, send_notice
from workflows.state import ConversationState
from workflows.state_parts import TrackedParticipant


def configure_timers(state: ConversationState, event: Configure) -> Decision:
    """Set, change or remove participant timers, with immediate effect. Timers that the event does not name stay."""
    if state.ended:
        return refuse(state, "configure", RefusalCode.CONVERSATION_ENDED)
    timers = {(timer.role, timer.kind): timer for timer in (*state.participant_timers, *event.timers)}
    return Decision(state.replace(participant_timers=tuple(t for t in timers.values() if t.limit is not None)))


def inactive_since(state: ConversationState, role: Role) -> datetime | None:
    """The instant from which a participant's timers count; None while a side is not connected.

    That is the participant's last message, or the instant from which both sides are connected if that is later.
    """
    agents = [each for each in (state.agent, *state.bots) if each and each.presence is ParticipantPresence.CONNECTED]
    if state.customer.presence is not ParticipantPresence.CONNECTED or not agents:
        return None
    if role is Role.AGENT and (state.agent is None or state.agent.presence is not ParticipantPresence.CONNECTED):
        return None
    # the earliest connection counts: another agent or bot that joins does not restart the customer's timers
    both_since = max(state.customer.since, min(agent.since for agent in agents))
    if role is Role.AGENT and state.agent:
        both_since = max(both_since, state.agent.since)
    last_message_at = state.speech(role).last_message_at
    return both_since if last_message_at is None else max(both_since, last_message_at)


def is_idle(state: ConversationState, role: Role) -> bool:
    """Whether a participant counts as idle."""
    since, idle_since = inactive_since(state, role), state.speech(role).idle_since
    return since is not None and idle_since is not None and idle_since >= since


def idle_limit(state: ConversationState, role: Role) -> timedelta | None:
    """The time after which a participant counts as idle; None if they are idle already, or have no idle timer."""
    return None if is_idle(state, role) else state.participant_timer(role, ParticipantTimer.IDLE)


def disconnect_since(state: ConversationState, role: Role) -> datetime | None:
    """The instant from which the auto-disconnect counts: idleness if there is an idle timer, else inactivity."""
    if state.participant_timer(role, ParticipantTimer.IDLE) is None:
        return inactive_since(state, role)
    return state.speech(role).idle_since if is_idle(state, role) else None


def mark_idle(state: ConversationState, role: Role) -> Decision:
    """Mark a participant as idle. All sockets get the event."""
    record = state.speech(role).with_idle_since(state.clock)
    state = state.with_speech(role, record).with_change_note(f"{role.lower()} idle")
    return send_notice(state, EventType.IDLE, state.customer if role is Role.CUSTOMER else state.agent)


def record_speech(state: ConversationState, sender: TrackedParticipant) -> Decision:
    """Record a message of the customer or the agent: their silence and idleness end, and the other party's silence begins."""
    decision = Decision(state)
    if is_idle(state, sender.role):
        decision = send_notice(state, EventType.RETURNED, sender)
    return decision.then(lambda s: Decision(_with_message(s, sender.role)))


def _with_message(state: ConversationState, role: Role) -> ConversationState:
    record = state.speech(role).with_message(state.clock, state.seq)
    return state.with_speech(role, record).replace(last_speaker=role)
