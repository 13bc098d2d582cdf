"""The machine alone: every pair of state and trigger is a row of the table or a refusal, every timer leads somewhere."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.events import AnyEvent, Assign, Close, Connect, Disconnect, End, Message, Park, Resume
from workflows.machine import TABLE, catch_up, decide
from workflows.state import REMEMBERED_IDS, SHOWN_REJECTIONS, ConversationState
from workflows.timers import RULES, next_deadline
from workflows.values import DEFAULTS, Mode, Participant, Presence, Role, State

START = datetime(2026, 1, 1, tzinfo=UTC)


def fresh(mode: Mode = Mode.LIVE) -> ConversationState:
    return ConversationState(
        id="c",
        instance="demo",
        workstream="w",
        queue="q",
        policy=DEFAULTS[mode],
        contact_id="c",
        since=START,
        started_at=START,
        clock=START,
        customer=Participant(id="p", role=Role.CUSTOMER, name="Ada", since=START),
    )


EVENTS: list[AnyEvent] = [
    Message(by="customer", content="hi"),
    Message(by="agent", content="hi", id="m1"),
    Message(by="stranger", content="hi"),
    Connect(by="customer"),
    Connect(by="agent"),
    Disconnect(by="customer"),
    Disconnect(by="agent"),
    Assign(user="a1", name="A1"),
    Assign(user="a2", name="A2"),
    Park(),
    Resume(),
    End(by="customer"),
    End(by="agent"),
    End(by="operator"),
    Close(),
]


def test_no_two_rows_say_different_things_of_the_same() -> None:
    for mode in Mode:
        rows = Counter((row.source, row.trigger) for row in TABLE if row.applies(DEFAULTS[mode]))
        assert max(rows.values()) == 1


def test_every_timer_that_can_run_has_a_row_for_its_end() -> None:
    for rule in RULES:
        for mode in rule.modes:
            for state in rule.states:
                ends = [r for r in TABLE if (r.source, r.trigger) == (state, rule.timer) and r.applies(DEFAULTS[mode])]
                assert ends, f"{rule.timer} of a {mode} conversation in {state} leads nowhere"


def test_closed_is_final() -> None:
    assert not [row for row in TABLE if row.source is State.CLOSED]


steps = st.lists(
    st.tuples(st.sampled_from(EVENTS), st.sampled_from([0.0, 0.001, 1, 60, 200, 3_600, 90_000])), max_size=40
)


@given(mode=st.sampled_from(list(Mode)), steps=steps)
def test_whatever_happens(mode: Mode, steps: list[tuple[AnyEvent, float]]) -> None:
    state, now, items = fresh(mode), START, []
    for event, later in steps:
        before = state
        now += timedelta(seconds=later)
        decision = decide(state, event, now)
        state = decision.state
        items += decision.items
        if decision.refused is not None:
            caught_up = catch_up(before, now)
            assert decision.items == caught_up.items
            assert state.state is caught_up.state.state
        assert state.clock <= now
        assert not (before.ended and not state.ended)
        assert before.state is not State.CLOSED or state.state is State.CLOSED
        deadline = next_deadline(state)
        assert deadline is None or deadline.due > now
        assert state.ended == (state.state in (State.WRAP_UP, State.CLOSED))
        assert (state.agent is not None) or state.state in (State.OPEN, State.CLOSED)
        assert len(state.remembered) <= REMEMBERED_IDS
        assert len(state.rejections) <= SHOWN_REJECTIONS
    assert [item.seq for item in items] == list(range(1, len(items) + 1))
    assert all(one.at < other.at for one, other in pairwise(items))
    endings = [item for item in items if item.content_type.endswith("chat.ended")]
    assert len(endings) == int(state.ended)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_state_is_the_same_after_a_round_trip(mode: Mode) -> None:
    state = decide(fresh(mode), Connect(by="customer"), START + timedelta(seconds=1)).state
    assert ConversationState.model_validate_json(state.model_dump_json()) == state


def test_a_later_field_of_a_newer_writer_is_no_obstacle() -> None:
    state = fresh()
    text = state.model_dump_json()[:-1] + ', "invented_later": 1}'
    assert ConversationState.model_validate_json(text) == state


def test_a_repeated_message_is_no_news() -> None:
    state = fresh()
    message = Message(by="customer", content="hi", id="m")
    first = decide(state, message, START)
    again = decide(first.state, message, START + timedelta(seconds=1))
    assert (len(first.items), again.items, again.refused) == (2, (), None)


def test_a_message_that_names_a_later_instant_happened_now() -> None:
    message = Message(by="customer", content="hi", at=START + timedelta(days=900))
    decision = decide(fresh(), message, START + timedelta(seconds=1))
    assert decision.items[-1].at < START + timedelta(seconds=2)
    assert decision.state.customer.presence is Presence.CONNECTED
