"""The inputs of the expected outcomes, by name: the events and timers, and their policies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from domain.conversation import State
from domain.events import (
    AcceptOffer,
    AnyEvent,
    Assign,
    Barge,
    Close,
    Configure,
    Connect,
    Disconnect,
    End,
    Invite,
    Leave,
    MakeOffer,
    Message,
    OpeningHours,
    Park,
    QueuePosition,
    RejectOffer,
    Release,
    Resume,
    TimerSetting,
    Transfer,
    WithdrawOffer,
)
from domain.participants import ParticipantTimer, Role
from domain.policy import IdleAction, IdleRule, Survey, SurveyQuestion
from tests.workflows.simulated_chat import START, SURVEY
from workflows.state import ConversationState, derived_id
from workflows.timers import Timer

LIMIT = timedelta(minutes=7)
NEVER = timedelta(days=10_000)

_CONNECTED = Connect(by="customer")
FORMER, CURRENT = (derived_id("c", f"agent/{user}") for user in ("a0", "a1"))
"""The participant ids of the former agent, and of the current or last agent."""


def timers(role: Literal[Role.CUSTOMER, Role.AGENT], kind: ParticipantTimer) -> Configure:
    """Set a participant timer."""
    return Configure(timers=(TimerSetting(role=role, kind=kind, limit=LIMIT),))


_OFFER = MakeOffer(offer_id="o", user="a2", name="Next", until=START + timedelta(days=9_000))

EVENTS: dict[str, AnyEvent] = {
    "message: customer": Message(by="customer", content="hi"),
    "message: accepted": Message(by="customer", content="hi", id="new"),
    "message: last survey answer": Message(by="customer", content="Because."),
    "message: agent": Message(by="agent", content="hi"),
    "message: bot": Message(by="b", content="hi"),
    "message: operator": Message(by="operator", content="hi"),
    "message: former agent": Message(by=FORMER, content="hi", id="new"),
    "message: former agent, accepted": Message(by=FORMER, content="hi", id="new", role=Role.AGENT, name="Before"),
    "message: stranger": Message(by="stranger", content="hi", id="new"),
    "message: repeated": Message(by="customer", content="Hello", id="sent"),
    "connect: customer": Connect(by="customer"),
    "connect: agent": Connect(by="agent"),
    "connect: bot": Connect(by="b"),
    "connect: former agent": Connect(by=FORMER),
    "connect: stranger": Connect(by="stranger"),
    "disconnect: customer": Disconnect(by="customer"),
    "disconnect: outdated": Disconnect(by="customer", at=START),
    "disconnect: agent": Disconnect(by="agent"),
    "disconnect: former agent": Disconnect(by=FORMER),
    "disconnect: stranger": Disconnect(by="stranger"),
    "assign: another agent": Assign(user="a2", name="Next"),
    "assign: same agent": Assign(user="a1", name="Now"),
    "transfer: to queue": Transfer(contact_id="t2", queue="q2"),
    "transfer: to agent": Transfer(contact_id="t2", queue="q", user="a2", name="Next"),
    "transfer: repeated": Transfer(contact_id="t", queue="q", user="a1", name="Now"),
    "transfer: past contact": Transfer(contact_id="c", queue="q"),
    "transfer: customer": Transfer(contact_id="t2", queue="q", by="customer"),
    "transfer: bot": Transfer(contact_id="t2", queue="q", by="b"),
    "transfer: former agent": Transfer(contact_id="t2", queue="q", by=FORMER),
    "release: agent": Release(),
    "release: operator": Release(by="kim"),
    "release: customer": Release(by="customer"),
    "release: bot": Release(by="b"),
    "release: former agent": Release(by=FORMER),
    "park: agent": Park(),
    "park: operator": Park(by="kim"),
    "park: customer": Park(by="customer"),
    "park: bot": Park(by="b"),
    "park: former agent": Park(by=FORMER),
    "resume: agent": Resume(),
    "resume: former agent": Resume(by=FORMER),
    "resume: agent who parked": Resume(by=CURRENT),
    "resume: for another agent": Resume(by="kim", user="a2", name="Next"),
    "resume: customer": Resume(by="customer"),
    "resume: bot": Resume(by="b"),
    "invite: another bot": Invite(participant_id="b2", name="Second"),
    "invite: same bot": Invite(participant_id="b", name="Bot"),
    "barge: present contact": Barge(participant_id="s", contact_id="t", user="s1", name="S1"),
    "barge: another contact": Barge(participant_id="s", contact_id="other", user="s1", name="S1"),
    "leave: bot": Leave(by="b"),
    "leave: bot of the survey": Leave(by="b"),
    "leave: customer": Leave(by="customer"),
    "leave: stranger": Leave(by="stranger"),
    "end: customer, allowed": End(by="customer"),
    "end: customer, not allowed": End(by="customer"),
    "end: agent": End(by="agent"),
    "end: bot": End(by="b"),
    "end: operator": End(by="kim"),
    "end: former agent": End(by=FORMER),
    "close: agent": Close(),
    "close: operator": Close(by="kim"),
    "configure: timers": timers(Role.CUSTOMER, ParticipantTimer.IDLE),
    "position: second": QueuePosition(position=2),
    "hours: closed": OpeningHours(queue="q", open=False),
    "offer: first": _OFFER,
    "offer: auto-accepted": _OFFER,
    "offer: another": _OFFER.model_copy(update={"offer_id": "o2", "user": "a3"}),
    "offer: repeated": _OFFER,
    "assign: offered agent": Assign(user="a2", name="Next"),
    "resume: offered agent": Resume(by="kim", user="a2", name="Next"),
    "end: during an offer": End(by="kim"),
    "accept: no offer": AcceptOffer(offer_id="o"),
    "accept: current offer": AcceptOffer(offer_id="o", by="a2"),
    "accept: previous offer": AcceptOffer(offer_id="o", by="a2"),
    "accept: another offer": AcceptOffer(offer_id="o2", by="a2"),
    "reject: no offer": RejectOffer(offer_id="o"),
    "reject: current offer": RejectOffer(offer_id="o", by="a2"),
    "reject: another offer": RejectOffer(offer_id="o2", by="a2"),
    "withdraw: no offer": WithdrawOffer(offer_id="o"),
    "withdraw: current offer": WithdrawOffer(offer_id="o"),
    "withdraw: another offer": WithdrawOffer(offer_id="o2"),
}

BEFORE: dict[str, tuple[AnyEvent, ...]] = {
    **dict.fromkeys(("offer: another", "offer: repeated"), (_OFFER,)),
    **dict.fromkeys((f"{command}: current offer" for command in ("accept", "reject", "withdraw")), (_OFFER,)),
    **dict.fromkeys((f"{command}: another offer" for command in ("accept", "reject", "withdraw")), (_OFFER,)),
    **dict.fromkeys(("assign: offered agent", "resume: offered agent", "end: during an offer"), (_OFFER,)),
    "accept: previous offer": (_OFFER, _OFFER.model_copy(update={"offer_id": "o2", "user": "a3"})),
}
"""Events before an input, for those inputs that need some. An offer outside the queue ends at once."""


POLICIES: dict[str, dict[str, Any]] = {
    "message: last survey answer": {"survey": Survey(questions=(SurveyQuestion(key="why", text="Why?"),))},
    "leave: bot of the survey": {"survey": Survey()},
    "end: customer, allowed": {"customer_may_end": True},
    "offer: auto-accepted": {"auto_accept": True},
    "end: customer, not allowed": {"customer_may_end": False},
}
"""Policies of those inputs that need one."""


def _no_event(_: ConversationState) -> AnyEvent | None:
    return None


class TimerInput(NamedTuple):
    """A timer, and how to start it in a sample state: the policy, the first events, and the last event, if any."""

    timer: Timer
    policy: dict[str, Any] = {}
    first_events: tuple[AnyEvent, ...] = (_CONNECTED,)
    last_event: Callable[[ConversationState], AnyEvent | None] = _no_event


def _rule(silent: Role, action: IdleAction) -> dict[str, Any]:
    rule = IdleRule.model_validate({"silent": silent.lower(), "after": LIMIT, "action": action, "text": "Still there?"})
    return {"idle_rules": (rule,)}


def _with_timer(role: Literal[Role.CUSTOMER, Role.AGENT], kind: ParticipantTimer) -> tuple[AnyEvent, ...]:
    return (_CONNECTED, timers(role, kind))


def _if_assigned(event: AnyEvent) -> Callable[[ConversationState], AnyEvent | None]:
    return lambda state: event if state.agent else None


def _closed_queue(state: ConversationState) -> AnyEvent | None:
    return OpeningHours(queue=state.queue, open=False, until=state.clock + LIMIT)


def _offer_if_open(state: ConversationState) -> AnyEvent | None:
    return _OFFER.model_copy(update={"until": state.clock + LIMIT}) if state.state is State.OPEN else None


def _assign_if_open(state: ConversationState) -> AnyEvent | None:
    return Assign(user="a2", name="Next") if state.state is State.OPEN else None


def _customer_disconnects(_: ConversationState) -> AnyEvent | None:
    return Disconnect(by="customer")


OFF: dict[str, Any] = {
    **dict.fromkeys(("connect_within", "reconnect_window", "open_age", "waiting_period", "duration", "agent_grace")),
    "assigned_within": None,
    "wrap_up": NEVER,
    "survey": SURVEY.model_copy(update={"deadline": NEVER}),
}
"""A policy without limits."""

TIMERS = {
    "customer must connect": TimerInput(Timer.CONNECT, {"connect_within": LIMIT}, first_events=()),
    "reconnect window": TimerInput(Timer.RECONNECT, {"reconnect_window": LIMIT}, last_event=_customer_disconnects),
    "open too long": TimerInput(Timer.OPEN_AGE, {"open_age": LIMIT}),
    "chat duration": TimerInput(Timer.DURATION, {"duration": LIMIT}),
    "wrap-up": TimerInput(Timer.WRAP_UP, {"wrap_up": LIMIT}),
    "survey": TimerInput(Timer.SURVEY, {"survey": Survey(deadline=LIMIT)}),
    "waiting too long": TimerInput(Timer.WAITING, {"waiting_period": LIMIT}),
    "agent must return": TimerInput(
        Timer.AGENT_GRACE, {"agent_grace": LIMIT}, last_event=_if_assigned(Disconnect(by="agent"))
    ),
    "agent joins: accepted": TimerInput(
        Timer.AGENT_GRACE, {"agent_grace": LIMIT, "auto_accept": True}, last_event=_offer_if_open
    ),
    "agent joins: assigned": TimerInput(Timer.AGENT_GRACE, {"agent_grace": LIMIT}, last_event=_assign_if_open),
    "assigned agent absent": TimerInput(Timer.ASSIGNED, {"assigned_within": LIMIT}, last_event=_assign_if_open),
    "opening hours change": TimerInput(Timer.HOURS, last_event=_closed_queue),
    "offer must be accepted": TimerInput(Timer.OFFER, last_event=_offer_if_open),
    "customer silent: remind": TimerInput(Timer.CUSTOMER_SILENT, _rule(Role.CUSTOMER, IdleAction.REMIND)),
    "customer silent: warn": TimerInput(Timer.CUSTOMER_SILENT, _rule(Role.CUSTOMER, IdleAction.WARN)),
    "customer silent: close": TimerInput(Timer.CUSTOMER_SILENT, _rule(Role.CUSTOMER, IdleAction.CLOSE)),
    "agent silent: remind": TimerInput(
        Timer.AGENT_SILENT,
        _rule(Role.AGENT, IdleAction.REMIND),
        last_event=_if_assigned(Message(by="customer", content="Well?", id="asked")),
    ),
    "agent silent: release": TimerInput(
        Timer.AGENT_SILENT,
        _rule(Role.AGENT, IdleAction.RELEASE),
        last_event=_if_assigned(Message(by="customer", content="Well?", id="asked")),
    ),
    "customer idle": TimerInput(Timer.CUSTOMER_IDLE, first_events=_with_timer(Role.CUSTOMER, ParticipantTimer.IDLE)),
    "agent idle": TimerInput(Timer.AGENT_IDLE, first_events=_with_timer(Role.AGENT, ParticipantTimer.IDLE)),
    "customer idle too long": TimerInput(
        Timer.CUSTOMER_DISCONNECT, first_events=_with_timer(Role.CUSTOMER, ParticipantTimer.DISCONNECT_NONCUSTOMER)
    ),
    "agent idle too long": TimerInput(
        Timer.AGENT_DISCONNECT, first_events=_with_timer(Role.AGENT, ParticipantTimer.DISCONNECT_NONCUSTOMER)
    ),
}
