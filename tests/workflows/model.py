"""A model of a conversation without the engine. It runs steps as the engine does, and checks all invariants after each."""

from __future__ import annotations

from collections.abc import Sequence

from domain.contacts import Contact
from domain.conversation import ConversationSnapshot
from domain.events import AnyEvent, MakeOffer, OpeningHours
from domain.routing import OfferOutcome
from domain.transcript import TranscriptItem
from tests.workflows import invariants
from tests.workflows.random_steps import HoursAnswer, Step, with_current_deadline
from tests.workflows.simulated_chat import START
from workflows.contract import snapshot_of
from workflows.decision import Decision
from workflows.machine import catch_up, decide
from workflows.state import ConversationState


class Model:
    """Runs steps, and keeps what the store would hold."""

    def __init__(self, state: ConversationState, hours_answers: Sequence[HoursAnswer]) -> None:
        self.state, self.now = state, START
        self.items: list[TranscriptItem] = []
        self.contacts: dict[str, Contact] = {}
        self.made_offers: set[str] = set()
        self.ended_offers: dict[str, OfferOutcome] = {}
        self._hours_answers, self._answered = hours_answers, 0

    def run(self, step: Step) -> None:
        """Run one step. Decisions are written first, unless the step belongs to the same batch."""
        if not step.batched:
            self.complete_batch()
        self.now += step.pause
        if step.event is None:
            self.complete_batch()
            return
        at = None if step.delay is None else self.now - step.delay
        self.decide(with_current_deadline(step.event, self.now).model_copy(update={"at": at}))

    def decide(self, event: AnyEvent) -> Decision:
        """Decide an event twice, by the state and by a JSON copy of it. Both decisions must be equal."""
        before, now = self.state, self.now
        decision = decide(before, event, now)
        copy = ConversationState.model_validate_json(before.model_dump_json())
        assert copy == before
        assert decide(copy, type(event).model_validate_json(event.model_dump_json()), now) == decision
        caught_up = catch_up(before, now if event.at is None else min(event.at, now))
        invariants.check_decision(before, event, decision, caught_up, now)
        if isinstance(event, MakeOffer) and decision.refused is None:
            self.made_offers.add(event.offer_id)
        self._apply(decision)
        return decision

    def complete_batch(self) -> None:
        """Apply overdue deadlines, answer questions for opening hours, and write the decisions."""
        self._catch_up()
        while self.state.needs_opening_hours:
            self.decide(self._opening_hours())
            assert not self.state.needs_opening_hours
            self._catch_up()  # a timer that starts at the opening can be overdue at once
        invariants.check_nothing_overdue(self.state, self.now)
        self._write(snapshot_of(self.state))
        self.state = self.state.replace(
            unrecorded_contacts=(), unrecorded_departures=(), unrecorded_answers=(), unrecorded_offers=()
        )
        invariants.check_transcript(self.items, self.state)
        invariants.check_contacts(list(self.contacts.values()), self.items)

    def _catch_up(self) -> None:
        before = self.state
        self._apply(catch_up(before, self.now))
        invariants.check_progress(before, self.state)

    def _opening_hours(self) -> OpeningHours:
        answer = self._hours_answers[self._answered % len(self._hours_answers)]
        self._answered += 1
        until = self.now + answer.valid_for if answer.valid_for else None
        return OpeningHours(queue=self.state.queue, open=answer.open, until=until, holiday=answer.holiday)

    def _apply(self, decision: Decision) -> None:
        self.state = decision.state
        self.items += decision.items
        invariants.check_state(self.state)

    def _write(self, snapshot: ConversationSnapshot) -> None:
        for contact in snapshot.contacts:
            known = self.contacts.get(contact.id)
            if known:
                assert known.agent_user in (None, contact.agent_user)
                assert known.ended_at in (None, contact.ended_at)
                assert known.last_seq in (None, contact.last_seq)
                assert (known.initiated_at, known.previous_contact_id) == (
                    contact.initiated_at,
                    contact.previous_contact_id,
                )
            elif self.contacts:
                assert contact.previous_contact_id == next(reversed(self.contacts))
            self.contacts[contact.id] = contact
        for offer in snapshot.placement.ended_offers:
            assert offer.id not in self.ended_offers, "an offer ends once"
            self.ended_offers[offer.id] = offer.outcome
        current = {self.state.offer.id} if self.state.offer else set[str]()
        assert self.made_offers - set(self.ended_offers) == current
        # an agent who released a contact or never connected counts like an ended offer, under the id of the contact
        released = {id: outcome for id, outcome in self.ended_offers.items() if id not in self.made_offers}
        assert set(released) <= set(self.contacts)
        assert set(released.values()) <= {OfferOutcome.REJECTED, OfferOutcome.ABSENT}
