"""Refusals: why a conversation, or routing, rejects a command or an event. A refused input changes nothing."""

from __future__ import annotations

from enum import StrEnum

from domain.value import Value


class RefusalCode(StrEnum):
    """The reasons of refusals. The values are stable, because recorded histories hold them."""

    CONVERSATION_ENDED = "conversation_ended"
    WRONG_STATE = "wrong_state"
    PERSISTENT_ONLY = "persistent_only"
    LIVE_ONLY = "live_only"
    AGENT_ONLY = "agent_only"
    CUSTOMER_MAY_NOT_END = "customer_may_not_end"
    NOT_A_PARTICIPANT = "not_a_participant"
    PARTICIPANT_LEFT = "participant_left"
    NO_AGENT = "no_agent"
    NOT_A_BOT = "not_a_bot"
    TOO_MANY_BOTS = "too_many_bots"
    PARTICIPANT_ID_TAKEN = "participant_id_taken"
    OFFER_OVER = "offer_over"
    MALFORMED = "malformed"
    UNKNOWN_SIGNAL = "unknown_signal"
    TIMER_WITHOUT_EFFECT = "timer_without_effect"
    NOT_STORABLE = "not_storable"
    NOT_WAITING = "not_waiting"
    TAKEN = "taken"
    UNKNOWN_AGENT = "unknown_agent"
    QUEUE_NOT_SERVED = "queue_not_served"
    NO_CAPACITY = "no_capacity"
    CONTACT_ENDED = "contact_ended"
    OLD_RULES = "old_rules"

    @property
    def template(self) -> str:
        """The sentence for this reason, with placeholders in braces."""
        return _TEMPLATES[self]


class Refusal(Value):
    """One refusal: its code, and its sentence for people (without a full stop)."""

    code: RefusalCode
    text: str


def refusal(code: RefusalCode, **facts: object) -> Refusal:
    """Builds a refusal. `facts` fill the placeholders of the code's template."""
    return Refusal(code=code, text=code.template.format(**facts))


_TEMPLATES = {
    RefusalCode.CONVERSATION_ENDED: "the conversation has ended",
    RefusalCode.WRONG_STATE: "not possible for a {mode} conversation in state {state}",
    RefusalCode.PERSISTENT_ONLY: "not in this mode: only a persistent conversation can be parked",
    RefusalCode.LIVE_ONLY: "not in this mode: the customer of a persistent conversation gets no queue position",
    RefusalCode.AGENT_ONLY: "by: only an agent can {action}",
    RefusalCode.CUSTOMER_MAY_NOT_END: "the customer may leave this conversation, but only the agent may end it",
    RefusalCode.NOT_A_PARTICIPANT: "by: {by!r} is not a participant of this conversation",
    RefusalCode.PARTICIPANT_LEFT: "by: the participant has left the conversation",
    RefusalCode.NO_AGENT: "by: there is no agent; an operator gives their own name",
    RefusalCode.NOT_A_BOT: "by: {by!r} is neither a bot nor a supervisor of this conversation",
    RefusalCode.TOO_MANY_BOTS: "at most {limit} bots can join",
    RefusalCode.PARTICIPANT_ID_TAKEN: "participant_id: {participant_id!r} is already in use",
    RefusalCode.OFFER_OVER: "the offer is over",
    RefusalCode.MALFORMED: "{mistakes}",
    RefusalCode.UNKNOWN_SIGNAL: "there is no signal of this name",
    RefusalCode.TIMER_WITHOUT_EFFECT: "the timer was due and changed nothing, so this deadline no longer counts: {cause}",
    RefusalCode.NOT_STORABLE: "the store can never take it: {cause}",
    RefusalCode.NOT_WAITING: "the conversation neither waits nor is parked",
    RefusalCode.TAKEN: "the conversation is already offered to, or with, an agent",
    RefusalCode.UNKNOWN_AGENT: "there is no such agent",
    RefusalCode.QUEUE_NOT_SERVED: "you do not serve its queue",
    RefusalCode.NO_CAPACITY: "you have no capacity left",
    RefusalCode.CONTACT_ENDED: "the contact has ended",
    RefusalCode.OLD_RULES: "the conversation follows rules of before the last upgrade, until it continues as new",
}
