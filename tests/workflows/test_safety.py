"""Misuse of the machine that must be impossible: misspelled fields, a lost refusal, a deadline that repeats for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain import value
from domain.conversation import Mode, State
from domain.events import Message
from domain.participants import ParticipantPresence
from domain.policy import AutomatedMessages, Policy
from domain.refusals import RefusalCode
from tests.workflows.engine import Engine
from tests.workflows.sample_states import SAMPLE_STATES, sample_chat
from tests.workflows.simulated_chat import SECOND, START, new_state
from tests.workflows.time_skipping import advance
from workflows import machine, operator_details, timers
from workflows.decision import Decision, refuse, system_message
from workflows.machine import catch_up, decide
from workflows.state import ConversationState
from workflows.state_changes import StateChanges
from workflows.state_parts import TrackedParticipant
from workflows.timers import Timer, TimerRule, next_deadline
from workflows.transitions import TransitionCause, always

WORKFLOWS = Path(machine.__file__).parent
DOMAIN = Path(value.__file__).parent


def test_state_changes_have_the_fields_and_types_of_the_state() -> None:
    fields = {name: field.annotation for name, field in ConversationState.model_fields.items()}
    assert get_type_hints(StateChanges) == fields
    assert not StateChanges.__required_keys__


def test_unknown_field_raises() -> None:
    misspelled: Any = {"sate": State.CLOSED}
    with pytest.raises(TypeError, match="ConversationState has no field sate"):
        new_state().replace(**misspelled)


def test_only_the_value_module_uses_model_copy() -> None:
    modules = [*WORKFLOWS.glob("*.py"), *DOMAIN.glob("*.py")]
    assert {path.name for path in modules if "model_copy" in path.read_text()} == {"value.py"}


def test_participant_copies_change_only_the_named_fields() -> None:
    customer, later = new_state().customer, START + SECOND
    connected = customer.connected(START)
    assert (connected.presence, connected.since, connected.joined_at) == (ParticipantPresence.CONNECTED, START, START)
    assert connected.connected(later).joined_at == START
    departed = connected.away(later).left(later)
    assert departed == TrackedParticipant.model_validate(
        {**dict(connected), "presence": ParticipantPresence.AWAY, "since": later, "left_at": later}
    )


def test_adopted_policy_keeps_fixed_fields() -> None:
    own, other = new_state().policy, new_state(Mode.PERSISTENT, texts=AutomatedMessages(ended="Bye")).policy
    adopted = own.adopt(other, ("mode", "texts"))
    assert adopted == Policy.model_validate({**dict(other), "mode": own.mode, "texts": own.texts})
    assert {"mode", "texts"}.isdisjoint(own.differences(adopted))
    assert "waiting_period" in own.differences(adopted)


def test_refusal_stops_the_following_actions() -> None:
    greeting = system_message(new_state(), "Hello", "greeting")
    refused = greeting.then(lambda s: refuse(s, "end", RefusalCode.NO_AGENT))
    ran: list[ConversationState] = []

    def action(state: ConversationState) -> Decision:
        ran.append(state)
        return system_message(state, "Goodbye", "ended")

    after = refused.then(action).then(action)
    assert (after, ran) == (refused, [])
    assert after.refused
    assert after.refused.code is RefusalCode.NO_AGENT
    assert after.state.refusals[-1].code is RefusalCode.NO_AGENT
    assert after.items == greeting.items


def test_refused_event_does_not_stop_the_next_one() -> None:
    refused = decide(new_state(), Message(by="stranger", content="hi"), START)
    accepted = decide(refused.state, Message(by="customer", content="hi"), START)
    batch = Decision(new_state()).followed_by(refused).followed_by(accepted)
    assert (batch.state, batch.items, batch.refused) == (accepted.state, accepted.items, None)


def without_transitions(monkeypatch: pytest.MonkeyPatch, timer: Timer) -> None:
    """A defect in the table: the timer runs, but no transition has it as its trigger."""
    rows = tuple(row for row in machine.TRANSITIONS if str(row.trigger) != str(timer))
    monkeypatch.setattr(machine, "TRANSITIONS", rows)


def test_refused_deadline_is_dropped_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    without_transitions(monkeypatch, Timer.OPEN_AGE)
    before = new_state(connect_within=None, open_age=SECOND, duration=3 * SECOND)
    dropped = catch_up(before, START + 2 * SECOND)
    assert (dropped.refused, dropped.items, dropped.state.state) == (None, (), State.OPEN)
    [refused] = dropped.state.refusals
    assert (refused.what, refused.code, refused.at) == (
        Timer.OPEN_AGE,
        RefusalCode.TIMER_WITHOUT_EFFECT,
        START + SECOND,
    )
    assert "state OPEN" in refused.text
    assert refused.text in operator_details.details(dropped.state, 1)
    deadline = next_deadline(dropped.state)
    assert deadline is not None
    assert deadline.timer is Timer.DURATION
    assert catch_up(dropped.state, START + 3 * SECOND).state.state is State.CLOSED


def test_event_after_a_dropped_deadline_takes_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    without_transitions(monkeypatch, Timer.OPEN_AGE)
    before = new_state(connect_within=None, open_age=SECOND)
    decision = decide(before, Message(by="customer", content="hi"), START + 2 * SECOND)
    assert (decision.refused, decision.state.refused_count, [item.content for item in decision.items][-1]) == (
        None,
        1,
        "hi",
    )


def test_dropped_timer_runs_again_with_another_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    without_transitions(monkeypatch, Timer.OPEN_AGE)
    state = catch_up(new_state(connect_within=None, open_age=SECOND, duration=None), START + SECOND).state
    assert next_deadline(state) is None
    again = next_deadline(state.replace(since=START + SECOND))
    assert again is not None
    assert (again.timer, again.due) == (Timer.OPEN_AGE, START + 2 * SECOND)


def test_deadline_that_repeats_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect in an action: it changes the state, but its timer still runs."""

    def ask(state: ConversationState) -> Decision:
        return system_message(state, "Still waiting?", "waiting")

    repeated = (Timer.OPEN_AGE, always, ask)
    monkeypatch.setattr(machine, "TIMERS_WITHIN_STATE", (*machine.TIMERS_WITHIN_STATE, repeated))
    dropped = catch_up(new_state(connect_within=None, open_age=SECOND, duration=None), START + SECOND)
    assert len(dropped.items) == 1
    assert [refusal.code for refusal in dropped.state.refusals] == [RefusalCode.TIMER_WITHOUT_EFFECT]
    assert next_deadline(dropped.state) is None


@pytest.mark.parametrize(("mode", "name"), SAMPLE_STATES)
@pytest.mark.parametrize("timer", [timer for timer in Timer if timer in {str(trigger) for trigger in TransitionCause}])
def test_timer_without_a_transition_is_dropped_in_every_state(
    mode: Mode, name: str, timer: Timer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect in the timer rules: a timer runs in every state, also where the table has no transition for it."""
    state = sample_chat(mode, name).state
    everywhere = TimerRule(timer, frozenset(Mode), frozenset(State), _started_at, _at_once)
    monkeypatch.setattr(timers, "TIMER_RULES", (everywhere,))
    after = catch_up(state, state.clock + SECOND).state
    assert next_deadline(after) is None
    assert after.refusals[-1].code is RefusalCode.TIMER_WITHOUT_EFFECT


def _started_at(state: ConversationState) -> datetime:
    return state.started_at


def _at_once(_: ConversationState) -> timedelta:
    return timedelta(0)


async def test_refused_deadline_does_not_stop_the_workflow(environment: WorkflowEnvironment, engine: Engine) -> None:
    """On the engine, a worker with the defect drops the deadline and continues."""
    with pytest.MonkeyPatch.context() as patch:
        without_transitions(patch, Timer.OPEN_AGE)
        patch.setattr("worker.Worker", partial(Worker, workflow_runner=UnsandboxedWorkflowRunner()))
        async with engine.worker():
            chat = await engine.start(open_age=timedelta(minutes=1), connect_within=None)
            await advance(environment, chat, minutes=2)
            state = await chat.wait_until(lambda s: s.refused_count == 1, "the deadline is dropped")
            assert state.refusals[-1].code is RefusalCode.TIMER_WITHOUT_EFFECT
            await chat.send("Hello?")
            assert (await chat.state()).state is State.OPEN
