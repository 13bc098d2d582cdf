"""Supervisors who join a contact: they speak, leave, and go with the contact. The machine alone."""

from __future__ import annotations

import pytest

from domain.conversation import Mode
from domain.events import AnyEvent, Assign, Barge, Connect, End, Leave, Message, Park, Release, Transfer
from domain.participants import Role
from domain.refusals import RefusalCode
from domain.transcript import ItemType, TranscriptItem
from tests.workflows.simulated_chat import SECOND, SURVEY, SimulatedChat, new_state
from workflows.contract import snapshot_of
from workflows.decision import Decision
from workflows.machine import decide

SUPERVISOR = "c-s1"
JOINS = Barge(participant_id=SUPERVISOR, contact_id="c", user="s1", name="Sue")
WITH_AGENT: tuple[AnyEvent, ...] = (Connect(), Assign(user="a1", name="A1"), Connect(by="agent"))


def decided(chat: SimulatedChat, event: AnyEvent) -> Decision:
    return decide(chat.state, event, chat.now + SECOND)


def of_supervisors(decision: Decision) -> list[TranscriptItem]:
    return [item for item in decision.items if item.role is Role.SUPERVISOR]


def test_supervisor_joins_speaks_and_leaves() -> None:
    chat = SimulatedChat(new_state()).after(*WITH_AGENT)
    joined = decided(chat, JOINS)
    [item] = joined.items
    assert (item.content_type[-18:], item.role, item.name) == ("participant.joined", Role.SUPERVISOR, "Sue")
    chat = chat.after(JOINS)
    [said] = decided(chat, Message(by=SUPERVISOR, content="May I?", id="m")).items
    assert (said.type, said.role, said.participant_id) == (ItemType.MESSAGE, Role.SUPERVISOR, SUPERVISOR)
    assert decided(chat, JOINS).items == ()  # a repeat
    left = decided(chat, Leave(by=SUPERVISOR))
    assert [item.content_type[-16:] for item in left.items] == ["participant.left"]
    assert left.state.supervisors == ()
    [departed] = [each for each in snapshot_of(left.state).participants if each.role is Role.SUPERVISOR]
    assert (departed.user, departed.left_at) == ("s1", left.state.clock)
    again = chat.after(Leave(by=SUPERVISOR), JOINS)
    assert [each.id for each in again.state.supervisors] == [SUPERVISOR]


@pytest.mark.parametrize(
    ("mode", "before", "event"),
    [
        (Mode.LIVE, (), Transfer(contact_id="next", queue="q")),
        (Mode.LIVE, (), Release()),
        (Mode.LIVE, (), End(by="agent")),
        (Mode.LIVE, (), End(by="customer")),
        (Mode.PERSISTENT, (Park(),), Assign(user="a2", name="A2")),
    ],
    ids=["transfer", "release", "survey", "end", "another agent"],
)
def test_supervisor_goes_with_the_contact(mode: Mode, before: tuple[AnyEvent, ...], event: AnyEvent) -> None:
    chat = SimulatedChat(new_state(mode, survey=SURVEY, customer_may_end=True)).after(*WITH_AGENT, JOINS, *before)
    decision = decided(chat, event)
    [left] = of_supervisors(decision)
    assert (left.content_type[-16:], left.contact_id) == ("participant.left", "c")
    present = [each for each in snapshot_of(decision.state).participants if each.left_at is None]
    assert Role.SUPERVISOR not in {each.role for each in present}


def test_supervisor_stays_while_the_contact_goes_on() -> None:
    chat = SimulatedChat(new_state(Mode.PERSISTENT)).after(
        *WITH_AGENT, JOINS, Park(), Message(by="customer", content="!")
    )
    assert [each.id for each in chat.state.supervisors] == [SUPERVISOR]


def test_words_of_a_supervisor_are_no_answer_of_the_agent() -> None:
    chat = SimulatedChat(new_state()).after(*WITH_AGENT, Message(by="customer", content="Hello?"), JOINS)
    after = chat.after(Message(by=SUPERVISOR, content="One moment."))
    assert (after.state.last_speaker, after.state.agent_speech) == (Role.CUSTOMER, chat.state.agent_speech)


def test_routing_does_not_know_supervisors() -> None:
    chat = SimulatedChat(new_state()).after(*WITH_AGENT)
    ignored = {"revision"}
    assert snapshot_of(chat.after(JOINS).state).placement.model_dump(exclude=ignored) == snapshot_of(
        chat.state
    ).placement.model_dump(exclude=ignored)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"contact_id": "before"}, RefusalCode.CONTACT_ENDED),
        ({"participant_id": "c-customer"}, RefusalCode.PARTICIPANT_ID_TAKEN),
        ({"participant_id": "customer"}, RefusalCode.PARTICIPANT_ID_TAKEN),
    ],
)
def test_supervisor_is_refused(changes: dict[str, str], code: RefusalCode) -> None:
    chat = SimulatedChat(new_state()).after(*WITH_AGENT)
    refused = decided(chat, JOINS.model_copy(update=changes)).refused
    assert refused
    assert refused.code is code


def test_run_of_old_rules_takes_no_supervisor() -> None:
    chat = SimulatedChat(new_state().replace(rules_version=6)).after(*WITH_AGENT)
    refused = decided(chat, JOINS).refused
    assert refused
    assert refused.code is RefusalCode.OLD_RULES
