"""A conversation led as the engine leads it, without the engine: everything is checked after each step."""

from __future__ import annotations

from collections.abc import Sequence

from domain.contacts import Contact
from domain.conversation import ConversationSnapshot
from domain.events import AnyEvent, MakeOffer, OpeningHours
from domain.routing import OfferOutcome
from domain.transcript import TranscriptItem
from tests.workflows import invariants
from tests.workflows.steps import Doors, Step, dated
from tests.workflows.story import START
from workflows.contract import snapshot_of
from workflows.decision import Decision
from workflows.machine import catch_up, decide
from workflows.state import ConversationState


class Model:
    """Takes steps, and keeps what a store would hold."""

    def __init__(self, state: ConversationState, doors: Sequence[Doors]) -> None:
        self.state, self.now = state, START
        self.items: list[TranscriptItem] = []
        self.legs: dict[str, Contact] = {}
        self.offered: set[str] = set()
        self.over: dict[str, OfferOutcome] = {}
        self._doors, self._asked = doors, 0

    def take(self, step: Step) -> None:
        """One step; what has been decided is written unless the next step belongs to the same batch."""
        if not step.batched:
            self.settle()
        self.now += step.later
        if step.event is None:
            self.settle()
            return
        at = None if step.late is None else self.now - step.late
        self.decide(dated(step.event, self.now).model_copy(update={"at": at}))

    def decide(self, event: AnyEvent) -> Decision:
        """What an event leads to, decided twice: by the state, and by what is left of it on its way through JSON."""
        before, now = self.state, self.now
        decision = decide(before, event, now)
        carried = ConversationState.model_validate_json(before.model_dump_json())
        assert carried == before
        assert decide(carried, type(event).model_validate_json(event.model_dump_json()), now) == decision
        caught_up = catch_up(before, now if event.at is None else min(event.at, now))
        invariants.decision_holds(before, event, decision, caught_up, now)
        if isinstance(event, MakeOffer) and decision.refused is None:
            self.offered.add(event.offer_id)
        self._keep(decision)
        return decision

    def settle(self) -> None:
        """What is overdue takes effect, the opening hours are asked for, and all is written."""
        self._catch_up()
        while self.state.needs_opening_hours:
            self.decide(self._answer())
            assert not self.state.needs_opening_hours
            self._catch_up()  # what counts from the opening may be overdue when one hears of it
        invariants.nothing_is_overdue(self.state, self.now)
        self._write(snapshot_of(self.state))
        self.state = self.state.replace(
            unrecorded_contacts=(), unrecorded_departures=(), unrecorded_answers=(), unrecorded_offers=()
        )
        invariants.transcript_holds(self.items, self.state)
        invariants.legs_hold(list(self.legs.values()), self.items)

    def _catch_up(self) -> None:
        before = self.state
        self._keep(catch_up(before, self.now))
        invariants.goes_on(before, self.state)

    def _answer(self) -> OpeningHours:
        doors = self._doors[self._asked % len(self._doors)]
        self._asked += 1
        until = self.now + doors.holds if doors.holds else None
        return OpeningHours(queue=self.state.queue, open=doors.open, until=until, holiday=doors.holiday)

    def _keep(self, decision: Decision) -> None:
        self.state = decision.state
        self.items += decision.items
        invariants.state_holds(self.state)

    def _write(self, written: ConversationSnapshot) -> None:
        for leg in written.contacts:
            known = self.legs.get(leg.id)
            if known:
                assert known.agent_user in (None, leg.agent_user)
                assert known.ended_at in (None, leg.ended_at)
                assert known.last_seq in (None, leg.last_seq)
                assert (known.initiated_at, known.previous_contact_id) == (leg.initiated_at, leg.previous_contact_id)
            elif self.legs:
                assert leg.previous_contact_id == next(reversed(self.legs))
            self.legs[leg.id] = leg
        for offer in written.placement.ended_offers:
            assert offer.id not in self.over, "an offer is over once"
            self.over[offer.id] = offer.outcome
        standing = {self.state.offer.id} if self.state.offer else set[str]()
        assert self.offered - set(self.over) == standing
        # beside offers, whoever has released a contact, or has never come to it, is passed over
        released = {id: outcome for id, outcome in self.over.items() if id not in self.offered}
        assert set(released) <= set(self.legs)
        assert set(released.values()) <= {OfferOutcome.REJECTED, OfferOutcome.ABSENT}
