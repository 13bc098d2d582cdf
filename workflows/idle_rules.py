"""Idle rules: reminders, warnings and a final action for a customer or agent who does not answer (Dynamics 365 timeout rules)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from domain.participants import Role
from domain.policy import IdleAction, IdleRule
from workflows.decision import Decision, fill_slugs, send_notice, system_message
from workflows.state import ConversationState

_ACTIONS = {
    Role.CUSTOMER: (IdleAction.REMIND, IdleAction.WARN, IdleAction.CLOSE),
    Role.AGENT: (IdleAction.REMIND, IdleAction.WARN, IdleAction.RELEASE),
}
"""The actions that a chain can have. A rule with another action is ignored."""


def silent_since(state: ConversationState, role: Role) -> datetime | None:
    """The instant from which a party owes an answer; None when it owes none.

    An agent who has written nothing since the assignment owes an answer from then on, whichever party wrote last.
    """
    if role is Role.CUSTOMER:
        return state.agent_speech.last_message_at if state.last_speaker is Role.AGENT else None
    if state.agent is None or state.agent_since is None:
        return None
    agent = state.agent_speech
    if agent.last_message_at is None or agent.after_seq < state.agent_since_seq:
        return state.agent_since
    return state.customer_speech.last_message_at if state.last_speaker is Role.CUSTOMER else None


def next_idle_rule(state: ConversationState, role: Role) -> IdleRule | None:
    """The next step of a party's chain. A new silence starts the chain again."""
    done = _steps_done(state, role)
    rules = [rule for rule in state.policy.idle_rules if rule.silent == role.lower() and rule.action in _ACTIONS[role]]
    return rules[done] if done < len(rules) else None


def _steps_done(state: ConversationState, role: Role) -> int:
    """Number of steps of the chain that were taken in the present silence. Steps of an earlier silence do not count."""
    record = state.speech(role)
    return record.steps_done if record.silent_since == silent_since(state, role) else 0


def silence_limit(state: ConversationState, role: Role) -> timedelta | None:
    """The time from the beginning of the silence to the next step; None without a further step."""
    rule = next_idle_rule(state, role)
    return rule.after if rule else None


def next_action_is(role: Role, *actions: IdleAction) -> Callable[[ConversationState], bool]:
    """A condition: the next step of a party's chain has one of these actions."""

    def condition(state: ConversationState) -> bool:
        rule = next_idle_rule(state, role)
        return rule is not None and rule.action in actions

    return condition


def remind(state: ConversationState, role: Role) -> Decision:
    """Take a step that reminds or warns: the customer by a message, the agent by a notice to their sockets."""
    rule = next_idle_rule(state, role)
    assert rule is not None
    record = state.speech(role).with_steps_done(_steps_done(state, role) + 1, silent_since(state, role))
    state = state.with_speech(role, record).with_change_note(f"{role.lower()} silent: {rule.action}")
    if role is Role.CUSTOMER:
        return _message_customer(state, role, rule)
    if not rule.text:
        return Decision(state)
    to = state.agent.id if state.agent else None
    return send_notice(state, None, None, text=fill_slugs(rule.text, state), to=to, trigger=_trigger(role, rule))


def final_message(state: ConversationState, role: Role) -> Decision:
    """Write the message of the last step, before the chat closes or is released to its queue."""
    rule = next_idle_rule(state, role)
    assert rule is not None
    return _message_customer(state, role, rule)


def _message_customer(state: ConversationState, role: Role, rule: IdleRule) -> Decision:
    if not rule.text:
        return Decision(state)
    return system_message(state, fill_slugs(rule.text, state), _trigger(role, rule))


def _trigger(role: Role, rule: IdleRule) -> str:
    return f"{role.lower()}_idle_{rule.action}"
