"""The machine alone: every pair of state and trigger is a row of the table or a refusal, every timer leads somewhere."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.contract import facts
from workflows.events import (
    AnyEvent,
    Assign,
    Close,
    Connect,
    Disconnect,
    End,
    Invite,
    Leave,
    Message,
    Park,
    Resume,
    Transfer,
)
from workflows.machine import TABLE, catch_up, decide
from workflows.policy import DEFAULTS
from workflows.state import REMEMBERED_IDS, SHOWN_REJECTIONS, ConversationState
from workflows.survey import Question, Survey
from workflows.timers import RULES, next_deadline
from workflows.values import Mode, Participant, Presence, Role, State

START = datetime(2026, 1, 1, tzinfo=UTC)


SURVEY = Survey(
    questions=(Question(key="score", text="How was it?", choices=("Good", "Bad")), Question(key="why", text="Why?"))
)


def fresh(mode: Mode = Mode.LIVE, survey: Survey | None = None) -> ConversationState:
    return ConversationState(
        id="c",
        instance="demo",
        workstream="w",
        queue="q",
        policy=DEFAULTS[mode].model_copy(update={"survey": survey}),
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
    Invite(participant_id="b", name="Bot"),
    Message(by="b", content="beep"),
    Leave(by="b"),
    Disconnect(by="customer"),
    Disconnect(by="agent"),
    Assign(user="a1", name="A1"),
    Assign(user="a2", name="A2"),
    Transfer(contact_id="t1", queue="q2"),
    Transfer(contact_id="t2", queue="q", user="a2", name="A2"),
    Transfer(contact_id="t3", queue="q", user="a1", name="A1"),
    Message(by="customer", content="good", id="m2"),
    Park(),
    Resume(),
    End(by="customer"),
    End(by="agent"),
    End(by="operator"),
    Close(),
]


def test_no_two_rows_say_different_things_of_the_same() -> None:
    for mode in Mode:
        for situation in situations(mode):
            rows = Counter((row.source, row.trigger) for row in TABLE if row.applies(situation))
            assert max(rows.values()) == 1


def test_every_timer_that_can_run_has_a_row_for_its_end() -> None:
    for rule in RULES:
        for mode, source in product(rule.modes, rule.states):
            for situation in situations(mode):
                state = situation.but(state=source)
                ends = [r for r in TABLE if (r.source, r.trigger) == (source, rule.timer) and r.applies(state)]
                assert ends or not rule.when(state), f"{rule.timer} of a {mode} conversation in {source} leads nowhere"


def situations(mode: Mode) -> list[ConversationState]:
    """States between which the rows of a pair of state and trigger may choose."""
    plain = fresh(mode)
    asked = fresh(mode, SURVEY).but(survey_step=0)
    return [plain, asked, asked.but(agent_done_at=START)]


def test_closed_is_final() -> None:
    assert not [row for row in TABLE if row.source is State.CLOSED]


steps = st.lists(
    st.tuples(st.sampled_from(EVENTS), st.sampled_from([0.0, 0.001, 1, 60, 200, 3_600, 90_000])), max_size=40
)


@given(mode=st.sampled_from(list(Mode)), survey=st.sampled_from([None, SURVEY, Survey()]), steps=steps)
def test_whatever_happens(mode: Mode, survey: Survey | None, steps: list[tuple[AnyEvent, float]]) -> None:
    state, now, items = fresh(mode, survey), START, []
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
        assert (state.ended or state.surveying) == (state.state in (State.WRAP_UP, State.CLOSED))
        assert (state.state is State.ACTIVE) <= (state.agent is not None)
        assert not (state.surveying and state.state is State.CLOSED)
        people = [who.id for who in facts(state).participants]
        assert len(people) == len(set(people))
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


def test_who_left_and_is_back_stands_once_in_the_record() -> None:
    state = decide(fresh(), Assign(user="a1", name="A1"), START).state
    state = decide(state, Transfer(contact_id="t", queue="q", user="a1", name="A1"), START).state
    people = [(who.user, who.left_at) for who in facts(state).participants]
    assert people == [("a1", None), (None, None)]
