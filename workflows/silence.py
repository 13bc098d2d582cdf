"""Who is silent and who is idle: the chains of idle rules, and the participant timers of Amazon Connect.

Idle rules are the workstream's (Dynamics 365 timeout rules): a party is silent while the last word is the other's.
Participant timers are set for one conversation (UpdateParticipantRoleConfig) and run while both sides are connected.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from workflows.decision import Decision, filled, notifies, system_says
from workflows.policy import IdleAction, IdleRule
from workflows.state import ConversationState
from workflows.values import EventType, Participant, ParticipantTimer, Presence, Role

Silent = Role
"""The customer or the agent."""

_STEPS = {
    Role.CUSTOMER: (IdleAction.REMIND, IdleAction.WARN, IdleAction.CLOSE),
    Role.AGENT: (IdleAction.REMIND, IdleAction.WARN, IdleAction.RELEASE),
}
"""What a chain can consist of; a rule that suits nobody is none."""


def silent_since(state: ConversationState, role: Silent) -> datetime | None:
    """Since when a party owes an answer; None when it does not.

    An agent who has not said anything since the conversation became theirs owes one since then, whoever spoke last.
    """
    if role is Role.CUSTOMER:
        return state.agent_voice.said_at if state.last_word is Role.AGENT else None
    if state.agent is None or state.seated_at is None:
        return None
    said = state.agent_voice
    if said.said_at is None or said.said_after < state.seated_after:
        return state.seated_at
    return state.customer_voice.said_at if state.last_word is Role.CUSTOMER else None


def next_rule(state: ConversationState, role: Silent) -> IdleRule | None:
    """The next step of a party's chain; a new silence begins it anew."""
    done = _steps_done(state, role)
    rules = [rule for rule in state.policy.idle_rules if rule.silent == role.lower() and rule.action in _STEPS[role]]
    return rules[done] if done < len(rules) else None


def _steps_done(state: ConversationState, role: Silent) -> int:
    """How far the chain of the present silence has come; what is remembered of an earlier one does not count."""
    voice = state.voice(role)
    return voice.rules_done if voice.silent_since == silent_since(state, role) else 0


def silence_limit(state: ConversationState, role: Silent) -> timedelta | None:
    """When the next step is due, counted from the beginning of the silence."""
    rule = next_rule(state, role)
    return rule.after if rule else None


def step_is(role: Silent, *actions: IdleAction) -> Callable[[ConversationState], bool]:
    """Tells whether the next step of a party's chain is one of these."""

    def does(state: ConversationState) -> bool:
        rule = next_rule(state, role)
        return rule is not None and rule.action in actions

    return does


def reminds(state: ConversationState, role: Silent) -> Decision:
    """A step of a chain that says something: to the customer in the transcript, to the agent over their socket."""
    rule = next_rule(state, role)
    assert rule is not None
    since, done = silent_since(state, role), _steps_done(state, role) + 1
    state = state.with_voice(role, silent_since=since, rules_done=done).noting(f"{role.lower()} silent: {rule.action}")
    if role is Role.CUSTOMER:
        return _tells_customer(state, role, rule)
    to = state.agent.id if state.agent else None
    text = filled(rule.text, state) if rule.text else None
    return notifies(state, None, None, text=text, to=to, trigger=_trigger(role, rule)) if text else Decision(state)


def last_words(state: ConversationState, role: Silent) -> Decision:
    """What the customer is told when the chain ends the chat, or takes it from the agent."""
    rule = next_rule(state, role)
    assert rule is not None
    return _tells_customer(state, role, rule)


def _tells_customer(state: ConversationState, role: Silent, rule: IdleRule) -> Decision:
    return system_says(state, filled(rule.text, state), _trigger(role, rule)) if rule.text else Decision(state)


def _trigger(role: Silent, rule: IdleRule) -> str:
    return f"{role.lower()}_idle_{rule.action}"


def counting_since(state: ConversationState, role: Silent) -> datetime | None:
    """Since when a participant's timers count: their last message since both sides are connected, else since then."""
    agents = [who for who in (state.agent, *state.bots) if who and who.presence is Presence.CONNECTED]
    if state.customer.presence is not Presence.CONNECTED or not agents:
        return None
    if role is Role.AGENT and (state.agent is None or state.agent.presence is not Presence.CONNECTED):
        return None
    # what began first keeps the timers of the customer going when another agent or bot joins
    both = max(state.customer.since, min(who.since for who in agents))
    if role is Role.AGENT and state.agent:
        both = max(both, state.agent.since)
    said_at = state.voice(role).said_at
    return both if said_at is None else max(both, said_at)


def is_idle(state: ConversationState, role: Silent) -> bool:
    """Whether a participant counts as idle."""
    since, idle_at = counting_since(state, role), state.voice(role).idle_at
    return since is not None and idle_at is not None and idle_at >= since


def idle_limit(state: ConversationState, role: Silent) -> timedelta | None:
    """How long until a participant counts as idle; None when they do already, or no timer says when."""
    return None if is_idle(state, role) else state.participant_timer(role, ParticipantTimer.IDLE)


def disconnect_since(state: ConversationState, role: Silent) -> datetime | None:
    """Since when the auto-disconnect counts: since they are idle where an idle timer is set, else at once."""
    if state.participant_timer(role, ParticipantTimer.IDLE) is None:
        return counting_since(state, role)
    return state.voice(role).idle_at if is_idle(state, role) else None


def goes_idle(state: ConversationState, role: Silent) -> Decision:
    """A participant counts as idle from now on."""
    state = state.with_voice(role, idle_at=state.clock).noting(f"{role.lower()} idle")
    return notifies(state, EventType.IDLE, _who(state, role))


def speaks(state: ConversationState, who: Participant) -> Decision:
    """The customer or the agent says something: the other's silence begins, and their own ends."""
    decision = Decision(state)
    if is_idle(state, who.role):
        decision = notifies(state, EventType.RETURNED, who)
    spoken = {"said_at": state.clock, "said_after": state.seq, "idle_at": None}
    return decision.then(lambda s: Decision(s.with_voice(who.role, **spoken).but(last_word=who.role)))


def _who(state: ConversationState, role: Silent) -> Participant | None:
    return state.customer if role is Role.CUSTOMER else state.agent
