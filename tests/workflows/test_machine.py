"""The machine alone: every event and timer has its expected outcome in every sample state and both modes."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import get_args

import pytest

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.events import AnyEvent, Assign, Message, Transfer
from domain.participants import ParticipantPresence
from tests.workflows import expected_outcomes, machine_inputs
from tests.workflows.expected_outcomes import Expected
from tests.workflows.machine_inputs import LIMIT, OFF
from tests.workflows.sample_states import SAMPLE_STATES, sample_chat, state_name
from tests.workflows.simulated_chat import SECOND, START, SimulatedChat, new_state
from workflows.contract import snapshot_of
from workflows.decision import Decision
from workflows.machine import catch_up, decide
from workflows.state import ConversationState
from workflows.timers import TIMER_RULES, Timer, deadlines
from workflows.transitions import TRANSITIONS, Transition

EVENTS = expected_outcomes.read(expected_outcomes.EVENTS)
TIMERS = expected_outcomes.read(expected_outcomes.TIMERS)
KINDS = {event.model_fields["kind"].default: event for event in get_args(AnyEvent)}


def cell_id(cell: Expected) -> str:
    return f"{cell.input}-{cell.sample}-{cell.mode}"


def without_refusals(state: ConversationState) -> ConversationState:
    """A state without its recorded refusals and its clock."""
    return state.replace(refusals=(), refused_count=0, clock=state.started_at)


def assert_outcome(cell: Expected, before: ConversationState, decision: Decision) -> None:
    """Assert that a decision has the expected outcome."""
    after, output = decision.state, (*decision.items, *decision.notices)
    assert after.offer is None or after.state is State.OPEN
    match cell.outcome:
        case "no":
            assert decision.refused
            last = after.refusals[-1]
            assert (last.code, last.text) == (decision.refused.code, decision.refused.text)
            assert after.refused_count == before.refused_count + 1
            assert (without_refusals(after), output) == (without_refusals(before), ())
        case "=":
            assert decision.refused is None
            assert (after.replace(clock=before.clock), output) == (before, ())
        case "in":
            assert decision.refused is None
            assert state_name(after) == state_name(before)
            assert after.replace(clock=before.clock) != before
        case state:
            assert decision.refused is None
            assert state_name(after) == state
            assert len(after.change_notes) > len(before.change_notes)
            assert end_reasons(before, after) <= {before.end_reason or cell.reason}


def end_reasons(before: ConversationState, after: ConversationState) -> set[EndReason | None]:
    """The end reasons of the contacts, and of the chat, that ended between two states."""
    reasons = {contact.end_reason for contact in after.unrecorded_contacts if contact not in before.unrecorded_contacts}
    return reasons | ({after.end_reason} if after.ended and not before.ended else set())


@pytest.mark.parametrize("cell", EVENTS, ids=cell_id)
def test_event_has_the_expected_outcome(cell: Expected) -> None:
    chat = before_event(cell)
    assert_outcome(cell, chat.state, decide(chat.state, machine_inputs.EVENTS[cell.input], chat.now + SECOND))


def before_event(cell: Expected) -> SimulatedChat:
    """A conversation in the sample state of the cell."""
    chat = sample_chat(cell.mode, cell.sample, **machine_inputs.POLICIES.get(cell.input, {}))
    return chat.after(*machine_inputs.BEFORE.get(cell.input, ()))


@pytest.mark.parametrize("cell", TIMERS, ids=cell_id)
def test_timer_has_the_expected_outcome(cell: Expected) -> None:
    """The timer runs only where expected, and takes effect at its deadline, not a millisecond earlier."""
    chat = with_timer(cell)
    due = {deadline.timer: deadline.due for deadline in deadlines(chat.state)}.get(
        machine_inputs.TIMERS[cell.input].timer
    )
    if cell.outcome == "-":
        assert due is None
        return
    assert due is not None
    assert due <= chat.now + LIMIT
    assert catch_up(chat.state, due - timedelta(milliseconds=1)) == Decision(chat.state)
    decision = catch_up(chat.state, due)
    assert_outcome(cell, chat.state, decision)
    assert decision.state.clock == due


def with_timer(cell: Expected) -> SimulatedChat:
    """A conversation in the sample state of the cell. No timer runs but that of the cell, if it runs at all."""
    timer_input = machine_inputs.TIMERS[cell.input]
    policy = {**OFF, **timer_input.policy}
    chat = sample_chat(cell.mode, cell.sample, first_events=timer_input.first_events, **policy)
    event = timer_input.last_event(chat.state)
    if event is None:
        return chat
    now = chat.now + SECOND
    return SimulatedChat(decide(chat.state, event, now).state, now)


def test_expected_outcomes_cover_all_events_and_timers() -> None:
    assert {cell.input for cell in EVENTS} == set(machine_inputs.EVENTS)
    assert {cell.input for cell in TIMERS} == set(machine_inputs.TIMERS)
    assert {name.partition(":")[0] for name in machine_inputs.EVENTS} == set(KINDS)
    assert {timer_input.timer for timer_input in machine_inputs.TIMERS.values()} == set(Timer)


def test_expected_outcomes_reach_every_transition() -> None:
    unreached = set(TRANSITIONS)
    for cell in EVENTS:
        chat = before_event(cell)
        after = decide(chat.state, machine_inputs.EVENTS[cell.input], chat.now + SECOND).state
        unreached -= transitions_between(chat.state, after)
    for cell in TIMERS:
        before = with_timer(cell).state
        unreached -= transitions_between(before, catch_up(before, before.clock + LIMIT).state)
    assert not unreached


def transitions_between(before: ConversationState, after: ConversationState) -> set[Transition]:
    """The transitions between two states, as the change notes name them."""
    notes = [note.what for note in after.change_notes if note not in before.change_notes]
    applying = [row for row in TRANSITIONS if row.source is before.state and row.applies(before)]
    return {row for row in applying if any(what.startswith(row.trigger) for what in notes)}


def test_at_most_one_transition_applies_to_a_trigger() -> None:
    for mode, name in SAMPLE_STATES:
        state = sample_chat(mode, name).state
        rows = Counter((row.source, row.trigger) for row in TRANSITIONS if row.applies(state))
        assert max(rows.values()) == 1


def test_closed_state_has_no_transitions_and_no_timers() -> None:
    assert not [row for row in TRANSITIONS if row.source is State.CLOSED]
    assert not [rule for rule in TIMER_RULES if State.CLOSED in rule.states]


@pytest.mark.parametrize(("mode", "name"), SAMPLE_STATES)
def test_state_survives_a_json_round_trip(mode: Mode, name: str) -> None:
    state = sample_chat(mode, name).state
    assert ConversationState.model_validate_json(state.model_dump_json()) == state


def test_unknown_field_of_a_newer_writer_is_ignored() -> None:
    state = sample_chat(Mode.LIVE, "active").state
    text = state.model_dump_json()[:-1] + ', "invented_later": 1}'
    assert ConversationState.model_validate_json(text) == state


def test_repeated_message_changes_nothing() -> None:
    message = Message(by="customer", content="hi", id="m")
    first = decide(new_state(), message, START)
    again = decide(first.state, message, START + SECOND)
    assert (len(first.items), again.items, again.refused) == (2, (), None)


def test_message_dated_in_the_future_counts_as_sent_now() -> None:
    message = Message(by="customer", content="hi", at=START + timedelta(days=900))
    decision = decide(new_state(), message, START + SECOND)
    assert [item.at for item in decision.items] == [START + SECOND, START + SECOND + timedelta(milliseconds=1)]
    assert decision.state.customer.presence is ParticipantPresence.CONNECTED


def test_returning_agent_is_recorded_once() -> None:
    events = (Assign(user="a1", name="A1"), Transfer(contact_id="t", queue="q", user="a1", name="A1"))
    participants = [
        (participant.user, participant.left_at)
        for participant in snapshot_of(SimulatedChat(new_state()).after(*events).state).participants
    ]
    assert participants == [("a1", None), (None, None)]
