"""Offers: one at a time, only while nobody has the conversation, and each is over exactly once."""

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
from tests.workflows.engine import code
from tests.workflows.invariants import holds_capacity
from tests.workflows.story import MOMENT, START, Story, fresh
from workflows.contract import placement_of, snapshot_of
from workflows.machine import decide
from workflows.state import KEPT_OFFERS

WITHIN = timedelta(minutes=2)
GRACE = timedelta(seconds=150)
HERE = Connect(by="customer")
ACCEPTED, REJECTED = OfferOutcome.ACCEPTED, OfferOutcome.REJECTED
MISSED, WITHDRAWN = OfferOutcome.MISSED, OfferOutcome.WITHDRAWN


def offer(id: str = "o", user: str = "a1", until: timedelta = WITHIN) -> MakeOffer:
    return MakeOffer(offer_id=id, user=user, name=user.upper(), until=START + until)


def over(story: Story) -> list[tuple[str, OfferOutcome]]:
    """What became of the offers, as the record says."""
    return [(offer.id, offer.outcome) for offer in snapshot_of(story.state).placement.ended_offers]


def refused(story: Story, event: AnyEvent) -> RefusalCode | None:
    return code(decide(story.state, event, story.now).refused)


@pytest.mark.parametrize("mode", Mode)
def test_an_offer_stands_until_its_deadline_and_is_missed_then(mode: Mode) -> None:
    offered = Story(fresh(mode)).then(HERE, offer())
    before = offered.at(START + WITHIN - timedelta(milliseconds=1))
    assert before.state == offered.state
    assert placement_of(before.state).stage is RoutingStage.QUEUED
    missed = offered.at(START + WITHIN)
    assert (missed.state.state, missed.state.offer, over(missed)) == (State.OPEN, None, [("o", MISSED)])
    assert refused(missed, AcceptOffer(offer_id="o", by="a1")) is RefusalCode.OFFER_OVER


def test_an_answer_counts_from_when_it_was_given() -> None:
    offered, late = Story(fresh()).then(HERE, offer()), START + WITHIN + MOMENT
    in_time = decide(offered.state, AcceptOffer(offer_id="o", by="a1", at=START + WITHIN - MOMENT), late)
    assert (in_time.refused, in_time.state.state) == (None, State.ACTIVE)
    too_late = decide(offered.state, AcceptOffer(offer_id="o", by="a1", at=START + WITHIN), late)
    assert (code(too_late.refused), too_late.state.state) == (RefusalCode.OFFER_OVER, State.OPEN)


def test_who_accepts_has_it_and_to_accept_again_is_no_news() -> None:
    taken = Story(fresh()).then(HERE, offer(), AcceptOffer(offer_id="o", by="a1"))
    assert taken.state.agent is not None
    assert (taken.state.state, taken.state.agent.user, taken.state.agent.name) == (State.ACTIVE, "a1", "A1")
    assert (taken.state.offer, over(taken)) == (None, [("o", ACCEPTED)])
    here = placement_of(taken.state)
    assert (here.stage, here.agent, holds_capacity(here)) == (RoutingStage.WORKING, "a1", True)
    again = decide(taken.state, AcceptOffer(offer_id="o", by="a1"), taken.now)
    assert (again.refused, again.items, again.state) == (None, (), taken.state)
    released = taken.then(Release())
    assert refused(released, AcceptOffer(offer_id="o", by="a1")) is RefusalCode.OFFER_OVER
    others = released.then(offer("o2", "a2"), AcceptOffer(offer_id="o2", by="a2"))
    assert refused(others, AcceptOffer(offer_id="o", by="a1")) is RefusalCode.OFFER_OVER


@pytest.mark.parametrize(("answer", "outcome"), [(RejectOffer, REJECTED), (WithdrawOffer, WITHDRAWN)])
def test_what_is_not_taken_goes_on_waiting_as_before(
    answer: type[RejectOffer | WithdrawOffer], outcome: OfferOutcome
) -> None:
    waiting = Story(fresh()).then(HERE)
    story = waiting.then(offer(), answer(offer_id="o"))
    assert over(story) == [("o", outcome)]
    placement = placement_of(story.state)
    assert placement.model_copy(update={"ended_offers": ()}) == placement_of(waiting.state)
    for event in (AcceptOffer(offer_id="o"), RejectOffer(offer_id="o"), WithdrawOffer(offer_id="o")):
        assert refused(story, event) is RefusalCode.OFFER_OVER
    assert over(story.then(offer("o2"), AcceptOffer(offer_id="o2"))) == [("o", outcome), ("o2", ACCEPTED)]


@pytest.mark.parametrize("answer", [AcceptOffer, RejectOffer, WithdrawOffer])
def test_an_offer_that_is_heard_of_again_does_not_come_back(
    answer: type[AcceptOffer | RejectOffer | WithdrawOffer],
) -> None:
    story = Story(fresh(auto_accept=False)).then(HERE, offer(), answer(offer_id="o", by="a1"))
    again = story.then(offer("o", until=timedelta(minutes=9)))
    assert (again.state.offer, over(again)) == (None, over(story))
    if answer is not AcceptOffer:
        standing = story.then(offer("o2", "a2"), offer("o", "a1"))
        assert standing.state.offer is not None
        assert standing.state.offer.id == "o2"


def test_of_very_many_offers_the_earlier_ones_are_forgotten() -> None:
    story = Story(fresh()).then(HERE)
    for number in range(KEPT_OFFERS + 5):
        story = story.then(offer(f"o{number}"), RejectOffer(offer_id=f"o{number}"))
    assert [over.id for over in story.state.past_offers] == [f"o{number + 5}" for number in range(KEPT_OFFERS)]


def test_there_is_one_offer_at_a_time() -> None:
    story = Story(fresh()).then(HERE, offer(), offer("o2", "a2"))
    assert story.state.offer is not None
    assert (story.state.offer.id, over(story)) == ("o2", [("o", WITHDRAWN)])
    assert refused(story, AcceptOffer(offer_id="o", by="a1")) is RefusalCode.OFFER_OVER


@pytest.mark.parametrize("so_far", [(Assign(user="a2", name="A2"),), (Assign(user="a2", name="A2"), Park())])
def test_an_offer_of_what_is_not_to_be_had_is_over_at_once(so_far: tuple[AnyEvent, ...]) -> None:
    story = Story(fresh(Mode.PERSISTENT, auto_accept=True)).then(HERE, *so_far)
    offered = story.then(offer())
    assert (offered.state.offer, over(offered)) == (None, [("o", WITHDRAWN)])
    placement = placement_of(offered.state)
    assert placement.model_copy(update={"ended_offers": ()}) == placement_of(story.state)


PARKED = (Assign(user="a1", name="A1"), Park(), Message(by="customer", content="Again"))


class Way(NamedTuple):
    """A way out of the queue, and what becomes of an offer to `a1` on it."""

    leaves: Callable[[Story], Story]
    outcome: OfferOutcome = WITHDRAWN
    mode: Mode = Mode.LIVE
    so_far: tuple[AnyEvent, ...] = ()
    policy: dict[str, Any] = {}


def after(*events: AnyEvent) -> Callable[[Story], Story]:
    return lambda story: story.then(*events)


def in_time(*events: AnyEvent) -> Callable[[Story], Story]:
    return lambda story: story.then(*events).at(START + 9 * MOMENT)


WAYS = {
    "given to another": Way(after(Assign(user="a2", name="A2"))),
    "given to them": Way(after(Assign(user="a1", name="A1")), ACCEPTED),
    "taken up by another": Way(after(Resume(user="a2", name="A2")), WITHDRAWN, Mode.PERSISTENT, PARKED),
    "taken up by them": Way(after(Resume()), ACCEPTED, Mode.PERSISTENT, PARKED),
    "ended by the customer": Way(after(End(by="customer"))),
    "stopped": Way(after(End(by="kim")), WITHDRAWN, Mode.PERSISTENT),
    "open too long": Way(in_time(), policy={"open_age": 9 * MOMENT}),
    "duration reached": Way(in_time(), policy={"duration": 9 * MOMENT}),
    "customer lost": Way(in_time(Disconnect(by="customer")), policy={"reconnect_window": MOMENT}),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_leaves_the_queue_ends_the_offer(way: Way) -> None:
    story = way.leaves(Story(fresh(way.mode, **way.policy)).then(HERE, *way.so_far, offer()))
    assert story.state.state is not State.OPEN
    assert (story.state.offer, over(story)) == (None, [("o", way.outcome)])


def test_with_auto_accept_it_is_theirs_at_once() -> None:
    story = Story(fresh(auto_accept=True)).then(HERE, offer())
    assert story.state.agent is not None
    assert (story.state.state, story.state.agent.user, over(story)) == (State.ACTIVE, "a1", [("o", ACCEPTED)])
    assert refused(story, AcceptOffer(offer_id="o", by="a1")) is None
    assert story.then(offer("o2", "a2")).state.agent == story.state.agent


def test_an_offer_that_is_heard_of_after_its_time_is_nobodys() -> None:
    """As when no worker ran meanwhile: the board has made others since."""
    story = Story(fresh(auto_accept=True)).then(HERE)
    late = story.then(offer("o1", until=timedelta(0)), offer("o2", "a2"))
    assert late.state.agent is not None
    assert late.state.agent.user == "a2"


def test_who_has_taken_it_and_never_comes_loses_it() -> None:
    taken = Story(fresh(agent_grace=GRACE)).then(HERE, offer(), AcceptOffer(offer_id="o", by="a1"))
    assert taken.state.agent is not None
    assert taken.state.agent.presence is ParticipantPresence.AWAITED
    lost = taken.at(taken.now + GRACE)
    assert taken.at(taken.now + GRACE - timedelta(milliseconds=1)).state.state is State.ACTIVE
    assert (lost.state.state, lost.state.agent) == (State.OPEN, None)
    assert lost.state.unrecorded_contacts[-1].end_reason is EndReason.AGENT_LOST
    here = placement_of(lost.state)
    assert (here.stage, here.ahead, here.agent) == (RoutingStage.QUEUED, True, None)
    assert taken.then(Connect(by="agent")).at(taken.now + 2 * GRACE).state.state is State.ACTIVE


def test_who_was_given_it_without_an_offer_may_come_when_they_like() -> None:
    policy: dict[str, Any] = {"agent_grace": GRACE, "connect_within": None, "duration": None}
    given = Story(fresh(**policy)).then(HERE, offer("o", "a2"), Assign(user="a1", name="A1"))
    assert given.at(given.now + timedelta(days=1)).state == given.state


def test_who_has_released_it_is_passed_over_and_who_was_lost_is_not() -> None:
    seated = Story(fresh()).then(HERE, Assign(user="a1", name="A1"), Connect(by="agent"))
    assert [(each.user, each.outcome) for each in snapshot_of(seated.then(Release()).state).placement.ended_offers] == [
        ("a1", REJECTED)
    ]
    gone = seated.then(Disconnect(by="agent"))
    assert snapshot_of(gone.at(gone.now + GRACE).state).placement.ended_offers == ()


@pytest.mark.parametrize(
    "taken",
    [(offer(), AcceptOffer(offer_id="o")), (Assign(user="a1", name="A1"), Connect(by="agent"), Park(), Resume())],
    ids=["accepted", "resumed"],
)
def test_who_has_taken_it_and_never_comes_is_passed_over_and_absent(taken: tuple[AnyEvent, ...]) -> None:
    story = Story(fresh(Mode.PERSISTENT, agent_grace=GRACE)).then(HERE, *taken)
    known = len(over(story))
    gone = story.at(story.now + GRACE)
    assert gone.state.state is State.OPEN
    assert over(gone)[known:] == [(story.state.contact_id, OfferOutcome.ABSENT)]
