"""Offers: one at a time, only while the conversation is in the queue, and each ends exactly once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.events import (
    AcceptOffer,
    AnyEvent,
    Assign,
    Connect,
    Disconnect,
    End,
    MakeOffer,
    Message,
    Park,
    RejectOffer,
    Release,
    Resume,
    WithdrawOffer,
)
from domain.participants import ParticipantPresence
from domain.refusals import RefusalCode
from domain.routing import OfferOutcome, RoutingStage
from tests.workflows.engine import refusal_code
from tests.workflows.invariants import holds_capacity
from tests.workflows.simulated_chat import SECOND, START, SimulatedChat, new_state
from workflows.contract import placement_of, snapshot_of
from workflows.machine import decide
from workflows.state import KEPT_OFFERS

WITHIN = timedelta(minutes=2)
GRACE = timedelta(seconds=150)
CONNECTED = Connect(by="customer")
ACCEPTED, REJECTED = OfferOutcome.ACCEPTED, OfferOutcome.REJECTED
MISSED, WITHDRAWN = OfferOutcome.MISSED, OfferOutcome.WITHDRAWN


def offer(id: str = "o", user: str = "a1", until: timedelta = WITHIN) -> MakeOffer:
    return MakeOffer(offer_id=id, user=user, name=user.upper(), until=START + until)


def ended_offers(chat: SimulatedChat) -> list[tuple[str, OfferOutcome]]:
    """The ended offers and their outcomes, from the snapshot."""
    return [(offer.id, offer.outcome) for offer in snapshot_of(chat.state).placement.ended_offers]


def refusal_of(chat: SimulatedChat, event: AnyEvent) -> RefusalCode | None:
    return refusal_code(decide(chat.state, event, chat.now).refused)


@pytest.mark.parametrize("mode", Mode)
def test_offer_is_missed_at_its_deadline(mode: Mode) -> None:
    offered = SimulatedChat(new_state(mode)).after(CONNECTED, offer())
    before = offered.at(START + WITHIN - timedelta(milliseconds=1))
    assert before.state == offered.state
    assert placement_of(before.state).stage is RoutingStage.QUEUED
    missed = offered.at(START + WITHIN)
    assert (missed.state.state, missed.state.offer, ended_offers(missed)) == (State.OPEN, None, [("o", MISSED)])
    assert refusal_of(missed, AcceptOffer(offer_id="o", by="a1")) is RefusalCode.OFFER_OVER


def test_acceptance_counts_at_the_time_it_was_given() -> None:
    offered, late = SimulatedChat(new_state()).after(CONNECTED, offer()), START + WITHIN + SECOND
    in_time = decide(offered.state, AcceptOffer(offer_id="o", by="a1", at=START + WITHIN - SECOND), late)
    assert (in_time.refused, in_time.state.state) == (None, State.ACTIVE)
    too_late = decide(offered.state, AcceptOffer(offer_id="o", by="a1", at=START + WITHIN), late)
    assert (refusal_code(too_late.refused), too_late.state.state) == (RefusalCode.OFFER_OVER, State.OPEN)


def test_acceptance_assigns_the_agent_and_repeating_it_changes_nothing() -> None:
    accepted = SimulatedChat(new_state()).after(CONNECTED, offer(), AcceptOffer(offer_id="o", by="a1"))
    assert accepted.state.agent is not None
    assert (accepted.state.state, accepted.state.agent.user, accepted.state.agent.name) == (State.ACTIVE, "a1", "A1")
    assert (accepted.state.offer, ended_offers(accepted)) == (None, [("o", ACCEPTED)])
    placement = placement_of(accepted.state)
    assert (placement.stage, placement.agent, holds_capacity(placement)) == (RoutingStage.WORKING, "a1", True)
    again = decide(accepted.state, AcceptOffer(offer_id="o", by="a1"), accepted.now)
    assert (again.refused, again.items, again.state) == (None, (), accepted.state)
    released = accepted.after(Release())
    assert refusal_of(released, AcceptOffer(offer_id="o", by="a1")) is RefusalCode.OFFER_OVER
    next_agent = released.after(offer("o2", "a2"), AcceptOffer(offer_id="o2", by="a2"))
    assert refusal_of(next_agent, AcceptOffer(offer_id="o", by="a1")) is RefusalCode.OFFER_OVER


@pytest.mark.parametrize(("answer", "outcome"), [(RejectOffer, REJECTED), (WithdrawOffer, WITHDRAWN)])
def test_rejected_or_withdrawn_offer_keeps_the_place_in_the_queue(
    answer: type[RejectOffer | WithdrawOffer], outcome: OfferOutcome
) -> None:
    waiting = SimulatedChat(new_state()).after(CONNECTED)
    chat = waiting.after(offer(), answer(offer_id="o"))
    assert ended_offers(chat) == [("o", outcome)]
    placement = placement_of(chat.state)
    assert placement.model_copy(update={"ended_offers": ()}) == placement_of(waiting.state)
    for event in (AcceptOffer(offer_id="o"), RejectOffer(offer_id="o"), WithdrawOffer(offer_id="o")):
        assert refusal_of(chat, event) is RefusalCode.OFFER_OVER
    assert ended_offers(chat.after(offer("o2"), AcceptOffer(offer_id="o2"))) == [("o", outcome), ("o2", ACCEPTED)]


@pytest.mark.parametrize("answer", [AcceptOffer, RejectOffer, WithdrawOffer])
def test_repeated_offer_does_not_reopen_an_ended_offer(
    answer: type[AcceptOffer | RejectOffer | WithdrawOffer],
) -> None:
    chat = SimulatedChat(new_state(auto_accept=False)).after(CONNECTED, offer(), answer(offer_id="o", by="a1"))
    again = chat.after(offer("o", until=timedelta(minutes=9)))
    assert (again.state.offer, ended_offers(again)) == (None, ended_offers(chat))
    if answer is not AcceptOffer:
        second_offer = chat.after(offer("o2", "a2"), offer("o", "a1"))
        assert second_offer.state.offer is not None
        assert second_offer.state.offer.id == "o2"


def test_only_the_latest_past_offers_are_kept() -> None:
    chat = SimulatedChat(new_state()).after(CONNECTED)
    for number in range(KEPT_OFFERS + 5):
        chat = chat.after(offer(f"o{number}"), RejectOffer(offer_id=f"o{number}"))
    assert [ended.id for ended in chat.state.past_offers] == [f"o{number + 5}" for number in range(KEPT_OFFERS)]


def test_new_offer_withdraws_the_previous_one() -> None:
    chat = SimulatedChat(new_state()).after(CONNECTED, offer(), offer("o2", "a2"))
    assert chat.state.offer is not None
    assert (chat.state.offer.id, ended_offers(chat)) == ("o2", [("o", WITHDRAWN)])
    assert refusal_of(chat, AcceptOffer(offer_id="o", by="a1")) is RefusalCode.OFFER_OVER


@pytest.mark.parametrize("earlier_events", [(Assign(user="a2", name="A2"),), (Assign(user="a2", name="A2"), Park())])
def test_offer_of_a_chat_outside_the_queue_is_withdrawn_at_once(earlier_events: tuple[AnyEvent, ...]) -> None:
    chat = SimulatedChat(new_state(Mode.PERSISTENT, auto_accept=True)).after(CONNECTED, *earlier_events)
    offered = chat.after(offer())
    assert (offered.state.offer, ended_offers(offered)) == (None, [("o", WITHDRAWN)])
    placement = placement_of(offered.state)
    assert placement.model_copy(update={"ended_offers": ()}) == placement_of(chat.state)


PARKED = (Assign(user="a1", name="A1"), Park(), Message(by="customer", content="Again"))


class QueueExit(NamedTuple):
    """An exit from the queue, and the outcome of an open offer to `a1`."""

    run: Callable[[SimulatedChat], SimulatedChat]
    outcome: OfferOutcome = WITHDRAWN
    mode: Mode = Mode.LIVE
    earlier_events: tuple[AnyEvent, ...] = ()
    policy: dict[str, Any] = {}


def by_events(*events: AnyEvent) -> Callable[[SimulatedChat], SimulatedChat]:
    return lambda chat: chat.after(*events)


def by_timer(*events: AnyEvent) -> Callable[[SimulatedChat], SimulatedChat]:
    return lambda chat: chat.after(*events).at(START + 9 * SECOND)


QUEUE_EXITS = {
    "assigned to another agent": QueueExit(by_events(Assign(user="a2", name="A2"))),
    "assigned to the offered agent": QueueExit(by_events(Assign(user="a1", name="A1")), ACCEPTED),
    "resumed by another agent": QueueExit(by_events(Resume(user="a2", name="A2")), WITHDRAWN, Mode.PERSISTENT, PARKED),
    "resumed by the offered agent": QueueExit(by_events(Resume()), ACCEPTED, Mode.PERSISTENT, PARKED),
    "ended by the customer": QueueExit(by_events(End(by="customer"))),
    "ended by an operator": QueueExit(by_events(End(by="kim")), WITHDRAWN, Mode.PERSISTENT),
    "open too long": QueueExit(by_timer(), policy={"open_age": 9 * SECOND}),
    "duration reached": QueueExit(by_timer(), policy={"duration": 9 * SECOND}),
    "customer lost": QueueExit(by_timer(Disconnect(by="customer")), policy={"reconnect_window": SECOND}),
}


@pytest.mark.parametrize("queue_exit", QUEUE_EXITS.values(), ids=QUEUE_EXITS)
def test_offer_ends_when_the_chat_leaves_the_queue(queue_exit: QueueExit) -> None:
    chat = queue_exit.run(
        SimulatedChat(new_state(queue_exit.mode, **queue_exit.policy)).after(
            CONNECTED, *queue_exit.earlier_events, offer()
        )
    )
    assert chat.state.state is not State.OPEN
    assert (chat.state.offer, ended_offers(chat)) == (None, [("o", queue_exit.outcome)])


def test_auto_accept_assigns_the_agent_at_once() -> None:
    chat = SimulatedChat(new_state(auto_accept=True)).after(CONNECTED, offer())
    assert chat.state.agent is not None
    assert (chat.state.state, chat.state.agent.user, ended_offers(chat)) == (State.ACTIVE, "a1", [("o", ACCEPTED)])
    assert refusal_of(chat, AcceptOffer(offer_id="o", by="a1")) is None
    assert chat.after(offer("o2", "a2")).state.agent == chat.state.agent


def test_auto_accept_ignores_an_expired_offer() -> None:
    """The dispatcher can make new offers while no worker runs."""
    chat = SimulatedChat(new_state(auto_accept=True)).after(CONNECTED)
    late = chat.after(offer("o1", until=timedelta(0)), offer("o2", "a2"))
    assert late.state.agent is not None
    assert late.state.agent.user == "a2"


def test_agent_who_accepts_and_never_connects_loses_the_chat() -> None:
    accepted = SimulatedChat(new_state(agent_grace=GRACE)).after(CONNECTED, offer(), AcceptOffer(offer_id="o", by="a1"))
    assert accepted.state.agent is not None
    assert accepted.state.agent.presence is ParticipantPresence.AWAITED
    lost = accepted.at(accepted.now + GRACE)
    assert accepted.at(accepted.now + GRACE - timedelta(milliseconds=1)).state.state is State.ACTIVE
    assert (lost.state.state, lost.state.agent) == (State.OPEN, None)
    assert lost.state.unrecorded_contacts[-1].end_reason is EndReason.AGENT_LOST
    placement = placement_of(lost.state)
    assert (placement.stage, placement.ahead, placement.agent) == (RoutingStage.QUEUED, True, None)
    assert accepted.after(Connect(by="agent")).at(accepted.now + 2 * GRACE).state.state is State.ACTIVE


def test_agent_assigned_without_an_offer_has_no_time_limit_to_connect() -> None:
    policy: dict[str, Any] = {"agent_grace": GRACE, "connect_within": None, "duration": None}
    assigned = SimulatedChat(new_state(**policy)).after(CONNECTED, offer("o", "a2"), Assign(user="a1", name="A1"))
    assert assigned.at(assigned.now + timedelta(days=1)).state == assigned.state


def test_release_counts_as_a_rejected_offer_and_a_disconnect_does_not() -> None:
    connected = SimulatedChat(new_state()).after(CONNECTED, Assign(user="a1", name="A1"), Connect(by="agent"))
    assert [
        (ended.user, ended.outcome) for ended in snapshot_of(connected.after(Release()).state).placement.ended_offers
    ] == [("a1", REJECTED)]
    disconnected = connected.after(Disconnect(by="agent"))
    assert snapshot_of(disconnected.at(disconnected.now + GRACE).state).placement.ended_offers == ()


@pytest.mark.parametrize(
    "taken",
    [(offer(), AcceptOffer(offer_id="o")), (Assign(user="a1", name="A1"), Connect(by="agent"), Park(), Resume())],
    ids=["accepted", "resumed"],
)
def test_agent_who_takes_a_chat_and_never_connects_is_recorded_as_absent(taken: tuple[AnyEvent, ...]) -> None:
    chat = SimulatedChat(new_state(Mode.PERSISTENT, agent_grace=GRACE)).after(CONNECTED, *taken)
    earlier = len(ended_offers(chat))
    disconnected = chat.at(chat.now + GRACE)
    assert disconnected.state.state is State.OPEN
    assert ended_offers(disconnected)[earlier:] == [(chat.state.contact_id, OfferOutcome.ABSENT)]
