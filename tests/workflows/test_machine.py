"""The machine alone: whatever can happen, in every situation and both modes, does what the table of expectations says."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import get_args

import pytest

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.events import AnyEvent, Assign, Message, Transfer
from domain.participants import ParticipantPresence
from tests.workflows import expectations, happenings
from tests.workflows.expectations import Expected
from tests.workflows.happenings import LIMIT, OFF
from tests.workflows.situations import SITUATIONS, reach, stands
from tests.workflows.story import MOMENT, START, Story, fresh
from workflows.contract import snapshot_of
from workflows.decision import Decision
from workflows.machine import catch_up, decide
from workflows.state import ConversationState
from workflows.timers import TIMER_RULES, Timer, deadlines
from workflows.transitions import TRANSITIONS, Transition

EVENTS = expectations.read(expectations.EVENTS)
TIMERS = expectations.read(expectations.TIMERS)
KINDS = {event.model_fields["kind"].default: event for event in get_args(AnyEvent)}


def named(cell: Expected) -> str:
    return f"{cell.what}-{cell.situation}-{cell.mode}"


def without_record(state: ConversationState) -> ConversationState:
    """A state without what is noted of refusals, and without the clock."""
    return state.replace(refusals=(), refused_count=0, clock=state.started_at)


def check(cell: Expected, before: ConversationState, decision: Decision) -> None:
    """Whether a decision is the one that the table names."""
    after, said = decision.state, (*decision.items, *decision.notices)
    assert after.offer is None or after.state is State.OPEN
    match cell.leads_to:
        case "no":
            assert decision.refused
            last = after.refusals[-1]
            assert (last.code, last.text) == (decision.refused.code, decision.refused.text)
            assert after.refused_count == before.refused_count + 1
            assert (without_record(after), said) == (without_record(before), ())
        case "=":
            assert decision.refused is None
            assert (after.replace(clock=before.clock), said) == (before, ())
        case "in":
            assert decision.refused is None
            assert stands(after) == stands(before)
            assert after.replace(clock=before.clock) != before
        case state:
            assert decision.refused is None
            assert stands(after) == state
            assert len(after.change_notes) > len(before.change_notes)
            assert endings(before, after) <= {before.end_reason or cell.because}


def endings(before: ConversationState, after: ConversationState) -> set[EndReason | None]:
    """Why contacts, or the chat, have ended in between."""
    legs = {leg.end_reason for leg in after.unrecorded_contacts if leg not in before.unrecorded_contacts}
    return legs | ({after.end_reason} if after.ended and not before.ended else set())


@pytest.mark.parametrize("cell", EVENTS, ids=named)
def test_what_an_event_leads_to(cell: Expected) -> None:
    story = before_event(cell)
    check(cell, story.state, decide(story.state, happenings.EVENTS[cell.what], story.now + MOMENT))


def before_event(cell: Expected) -> Story:
    """A conversation in the cell's situation."""
    story = reach(cell.mode, cell.situation, **happenings.POLICIES.get(cell.what, {}))
    return story.then(*happenings.BEFORE.get(cell.what, ()))


@pytest.mark.parametrize("cell", TIMERS, ids=named)
def test_what_the_end_of_a_timer_leads_to(cell: Expected) -> None:
    """Whether a timer runs, and if so leads where the table says, at its instant and not a millisecond earlier."""
    story = timed(cell)
    due = {deadline.timer: deadline.due for deadline in deadlines(story.state)}.get(happenings.TIMERS[cell.what].timer)
    if cell.leads_to == "-":
        assert due is None
        return
    assert due is not None
    assert due <= story.now + LIMIT
    assert catch_up(story.state, due - timedelta(milliseconds=1)) == Decision(story.state)
    rung = catch_up(story.state, due)
    check(cell, story.state, rung)
    assert rung.state.clock == due


def timed(cell: Expected) -> Story:
    """A conversation in the cell's situation, in which no timer runs but that of the cell, if it does."""
    running = happenings.TIMERS[cell.what]
    policy = {**OFF, **running.policy}
    story = reach(cell.mode, cell.situation, first=running.first, **policy)
    last = running.lastly(story.state)
    if last is None:
        return story
    now = story.now + MOMENT
    return Story(decide(story.state, last, now).state, now)


def test_the_expectations_name_everything_that_can_happen() -> None:
    assert {cell.what for cell in EVENTS} == set(happenings.EVENTS)
    assert {cell.what for cell in TIMERS} == set(happenings.TIMERS)
    assert {what.partition(":")[0] for what in happenings.EVENTS} == set(KINDS)
    assert {running.timer for running in happenings.TIMERS.values()} == set(Timer)


def test_each_row_of_the_table_is_reached_by_the_expectations() -> None:
    unreached = set(TRANSITIONS)
    for cell in EVENTS:
        story = before_event(cell)
        after = decide(story.state, happenings.EVENTS[cell.what], story.now + MOMENT).state
        unreached -= rows_between(story.state, after)
    for cell in TIMERS:
        before = timed(cell).state
        unreached -= rows_between(before, catch_up(before, before.clock + LIMIT).state)
    assert not unreached


def rows_between(before: ConversationState, after: ConversationState) -> set[Transition]:
    """The rows that led from one state to another, by what the operator reads of it."""
    news = [note.what for note in after.change_notes if note not in before.change_notes]
    applying = [row for row in TRANSITIONS if row.source is before.state and row.applies(before)]
    return {row for row in applying if any(what.startswith(row.trigger) for what in news)}


def test_no_two_rows_say_different_things_of_the_same() -> None:
    for mode, name in SITUATIONS:
        state = reach(mode, name).state
        rows = Counter((row.source, row.trigger) for row in TRANSITIONS if row.applies(state))
        assert max(rows.values()) == 1


def test_closed_is_final() -> None:
    assert not [row for row in TRANSITIONS if row.source is State.CLOSED]
    assert not [rule for rule in TIMER_RULES if State.CLOSED in rule.states]


@pytest.mark.parametrize(("mode", "name"), SITUATIONS)
def test_a_state_is_the_same_after_a_round_trip(mode: Mode, name: str) -> None:
    state = reach(mode, name).state
    assert ConversationState.model_validate_json(state.model_dump_json()) == state


def test_a_later_field_of_a_newer_writer_is_no_obstacle() -> None:
    state = reach(Mode.LIVE, "active").state
    text = state.model_dump_json()[:-1] + ', "invented_later": 1}'
    assert ConversationState.model_validate_json(text) == state


def test_a_repeated_message_is_no_news() -> None:
    message = Message(by="customer", content="hi", id="m")
    first = decide(fresh(), message, START)
    again = decide(first.state, message, START + MOMENT)
    assert (len(first.items), again.items, again.refused) == (2, (), None)


def test_a_message_that_names_a_later_instant_happened_now() -> None:
    message = Message(by="customer", content="hi", at=START + timedelta(days=900))
    decision = decide(fresh(), message, START + MOMENT)
    assert [item.at for item in decision.items] == [START + MOMENT, START + MOMENT + timedelta(milliseconds=1)]
    assert decision.state.customer.presence is ParticipantPresence.CONNECTED


def test_who_left_and_is_back_stands_once_in_the_record() -> None:
    events = (Assign(user="a1", name="A1"), Transfer(contact_id="t", queue="q", user="a1", name="A1"))
    people = [(who.user, who.left_at) for who in snapshot_of(Story(fresh()).then(*events).state).participants]
    assert people == [("a1", None), (None, None)]
