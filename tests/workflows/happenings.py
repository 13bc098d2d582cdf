"""Everything that can happen, by the names of the table of expectations: what is done, and under which policy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from domain.conversation import State
from domain.events import (
    AcceptOffer,
    AnyEvent,
    Assign,
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
from tests.workflows.story import START, SURVEY
from workflows.state import ConversationState, derived_id
from workflows.timers import Timer

LIMIT = timedelta(minutes=7)
NEVER = timedelta(days=10_000)

_CONNECTED = Connect(by="customer")
FORMER, PRESENT = (derived_id("c", f"agent/{user}") for user in ("a0", "a1"))
"""The agent who has left, and the one who has it, or had it last."""


def timers(role: Literal[Role.CUSTOMER, Role.AGENT], kind: ParticipantTimer) -> Configure:
    """Sets a participant timer."""
    return Configure(timers=(TimerSetting(role=role, kind=kind, limit=LIMIT),))


_OFFER = MakeOffer(offer_id="o", user="a2", name="Next", until=START + timedelta(days=9_000))

EVENTS: dict[str, AnyEvent] = {
    "message: customer": Message(by="customer", content="hi"),
    "message: accepted": Message(by="customer", content="hi", id="new"),
    "message: last answer": Message(by="customer", content="Because."),
    "message: agent": Message(by="agent", content="hi"),
    "message: bot": Message(by="b", content="hi"),
    "message: operator": Message(by="operator", content="hi"),
    "message: former": Message(by=FORMER, content="hi", id="new"),
    "message: former, accepted": Message(by=FORMER, content="hi", id="new", role=Role.AGENT, name="Before"),
    "message: stranger": Message(by="stranger", content="hi", id="new"),
    "message: repeated": Message(by="customer", content="Hello", id="said"),
    "connect: customer": Connect(by="customer"),
    "connect: agent": Connect(by="agent"),
    "connect: bot": Connect(by="b"),
    "connect: former": Connect(by=FORMER),
    "connect: stranger": Connect(by="stranger"),
    "disconnect: customer": Disconnect(by="customer"),
    "disconnect: overtaken": Disconnect(by="customer", at=START),
    "disconnect: agent": Disconnect(by="agent"),
    "disconnect: former": Disconnect(by=FORMER),
    "disconnect: stranger": Disconnect(by="stranger"),
    "assign: another": Assign(user="a2", name="Next"),
    "assign: the same": Assign(user="a1", name="Now"),
    "transfer: to queue": Transfer(contact_id="t2", queue="q2"),
    "transfer: to agent": Transfer(contact_id="t2", queue="q", user="a2", name="Next"),
    "transfer: repeated": Transfer(contact_id="t", queue="q", user="a1", name="Now"),
    "transfer: of before": Transfer(contact_id="c", queue="q"),
    "transfer: customer": Transfer(contact_id="t2", queue="q", by="customer"),
    "transfer: bot": Transfer(contact_id="t2", queue="q", by="b"),
    "transfer: former": Transfer(contact_id="t2", queue="q", by=FORMER),
    "release: agent": Release(),
    "release: operator": Release(by="kim"),
    "release: customer": Release(by="customer"),
    "release: bot": Release(by="b"),
    "release: former": Release(by=FORMER),
    "park: agent": Park(),
    "park: operator": Park(by="kim"),
    "park: customer": Park(by="customer"),
    "park: bot": Park(by="b"),
    "park: former": Park(by=FORMER),
    "resume: agent": Resume(),
    "resume: former": Resume(by=FORMER),
    "resume: who parked": Resume(by=PRESENT),
    "resume: for another": Resume(by="kim", user="a2", name="Next"),
    "resume: customer": Resume(by="customer"),
    "resume: bot": Resume(by="b"),
    "invite: another bot": Invite(participant_id="b2", name="Second"),
    "invite: the same bot": Invite(participant_id="b", name="Bot"),
    "leave: bot": Leave(by="b"),
    "leave: bot that asks": Leave(by="b"),
    "leave: customer": Leave(by="customer"),
    "leave: stranger": Leave(by="stranger"),
    "end: customer who may": End(by="customer"),
    "end: customer who may not": End(by="customer"),
    "end: agent": End(by="agent"),
    "end: bot": End(by="b"),
    "end: operator": End(by="kim"),
    "end: former": End(by=FORMER),
    "close: agent": Close(),
    "close: operator": Close(by="kim"),
    "configure: timers": timers(Role.CUSTOMER, ParticipantTimer.IDLE),
    "position: second": QueuePosition(position=2),
    "hours: closed": OpeningHours(queue="q", open=False),
    "offer: first": _OFFER,
    "offer: accepted at once": _OFFER,
    "offer: another": _OFFER.model_copy(update={"offer_id": "o2", "user": "a3"}),
    "offer: repeated": _OFFER,
    "assign: offered": Assign(user="a2", name="Next"),
    "resume: offered": Resume(by="kim", user="a2", name="Next"),
    "end: offered": End(by="kim"),
    "accept: no offer": AcceptOffer(offer_id="o"),
    "accept: offered": AcceptOffer(offer_id="o", by="a2"),
    "accept: of before": AcceptOffer(offer_id="o", by="a2"),
    "accept: another offer": AcceptOffer(offer_id="o2", by="a2"),
    "reject: no offer": RejectOffer(offer_id="o"),
    "reject: offered": RejectOffer(offer_id="o", by="a2"),
    "reject: another offer": RejectOffer(offer_id="o2", by="a2"),
    "withdraw: no offer": WithdrawOffer(offer_id="o"),
    "withdraw: offered": WithdrawOffer(offer_id="o"),
    "withdraw: another offer": WithdrawOffer(offer_id="o2"),
}

BEFORE: dict[str, tuple[AnyEvent, ...]] = {
    **dict.fromkeys(("offer: another", "offer: repeated"), (_OFFER,)),
    **dict.fromkeys((f"{answer}: offered" for answer in ("accept", "reject", "withdraw")), (_OFFER,)),
    **dict.fromkeys((f"{answer}: another offer" for answer in ("accept", "reject", "withdraw")), (_OFFER,)),
    **dict.fromkeys(("assign: offered", "resume: offered", "end: offered"), (_OFFER,)),
    "accept: of before": (_OFFER, _OFFER.model_copy(update={"offer_id": "o2", "user": "a3"})),
}
"""What precedes something in its situation, where it matters. An offer for what cannot be had is over at once."""


POLICIES: dict[str, dict[str, Any]] = {
    "message: last answer": {"survey": Survey(questions=(SurveyQuestion(key="why", text="Why?"),))},
    "leave: bot that asks": {"survey": Survey()},
    "end: customer who may": {"customer_may_end": True},
    "offer: accepted at once": {"auto_accept": True},
    "end: customer who may not": {"customer_may_end": False},
}
"""Under which policy something happens, where it matters."""


def _never(_: ConversationState) -> AnyEvent | None:
    return None


class Running(NamedTuple):
    """A timer and what has it run in a situation: the policy, what happens `first`, and `lastly`, if it can."""

    timer: Timer
    policy: dict[str, Any] = {}
    first: tuple[AnyEvent, ...] = (_CONNECTED,)
    lastly: Callable[[ConversationState], AnyEvent | None] = _never


def _rule(silent: Role, action: IdleAction) -> dict[str, Any]:
    rule = IdleRule.model_validate({"silent": silent.lower(), "after": LIMIT, "action": action, "text": "Still there?"})
    return {"idle_rules": (rule,)}


def _set(role: Literal[Role.CUSTOMER, Role.AGENT], kind: ParticipantTimer) -> tuple[AnyEvent, ...]:
    return (_CONNECTED, timers(role, kind))


def _if_served(event: AnyEvent) -> Callable[[ConversationState], AnyEvent | None]:
    return lambda state: event if state.agent else None


def _closed_for_a_while(state: ConversationState) -> AnyEvent | None:
    return OpeningHours(queue=state.queue, open=False, until=state.clock + LIMIT)


def _offered(state: ConversationState) -> AnyEvent | None:
    return _OFFER.model_copy(update={"until": state.clock + LIMIT}) if state.state is State.OPEN else None


def _assigned(state: ConversationState) -> AnyEvent | None:
    return Assign(user="a2", name="Next") if state.state is State.OPEN else None


def _customer_is_lost(_: ConversationState) -> AnyEvent | None:
    return Disconnect(by="customer")


OFF: dict[str, Any] = {
    **dict.fromkeys(("connect_within", "reconnect_window", "open_age", "waiting_period", "duration", "agent_grace")),
    "wrap_up": NEVER,
    "survey": SURVEY.model_copy(update={"deadline": NEVER}),
}
"""No limits."""

TIMERS = {
    "customer must connect": Running(Timer.CONNECT, {"connect_within": LIMIT}, first=()),
    "reconnect window": Running(Timer.RECONNECT, {"reconnect_window": LIMIT}, lastly=_customer_is_lost),
    "open too long": Running(Timer.OPEN_AGE, {"open_age": LIMIT}),
    "chat duration": Running(Timer.DURATION, {"duration": LIMIT}),
    "wrap-up": Running(Timer.WRAP_UP, {"wrap_up": LIMIT}),
    "survey": Running(Timer.SURVEY, {"survey": Survey(deadline=LIMIT)}),
    "waiting too long": Running(Timer.WAITING, {"waiting_period": LIMIT}),
    "agent must return": Running(Timer.AGENT_GRACE, {"agent_grace": LIMIT}, lastly=_if_served(Disconnect(by="agent"))),
    "agent must come: taken": Running(Timer.AGENT_GRACE, {"agent_grace": LIMIT, "auto_accept": True}, lastly=_offered),
    "agent must come: given": Running(Timer.AGENT_GRACE, {"agent_grace": LIMIT}, lastly=_assigned),
    "opening hours change": Running(Timer.HOURS, lastly=_closed_for_a_while),
    "offer must be accepted": Running(Timer.OFFER, lastly=_offered),
    "customer silent: remind": Running(Timer.CUSTOMER_SILENT, _rule(Role.CUSTOMER, IdleAction.REMIND)),
    "customer silent: warn": Running(Timer.CUSTOMER_SILENT, _rule(Role.CUSTOMER, IdleAction.WARN)),
    "customer silent: close": Running(Timer.CUSTOMER_SILENT, _rule(Role.CUSTOMER, IdleAction.CLOSE)),
    "agent silent: remind": Running(
        Timer.AGENT_SILENT,
        _rule(Role.AGENT, IdleAction.REMIND),
        lastly=_if_served(Message(by="customer", content="Well?", id="asked")),
    ),
    "agent silent: release": Running(
        Timer.AGENT_SILENT,
        _rule(Role.AGENT, IdleAction.RELEASE),
        lastly=_if_served(Message(by="customer", content="Well?", id="asked")),
    ),
    "customer idle": Running(Timer.CUSTOMER_IDLE, first=_set(Role.CUSTOMER, ParticipantTimer.IDLE)),
    "agent idle": Running(Timer.AGENT_IDLE, first=_set(Role.AGENT, ParticipantTimer.IDLE)),
    "customer idle too long": Running(
        Timer.CUSTOMER_DISCONNECT, first=_set(Role.CUSTOMER, ParticipantTimer.DISCONNECT_NONCUSTOMER)
    ),
    "agent idle too long": Running(
        Timer.AGENT_DISCONNECT, first=_set(Role.AGENT, ParticipantTimer.DISCONNECT_NONCUSTOMER)
    ),
}
