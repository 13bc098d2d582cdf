"""Defects that the model-based tests found, each with the sequence that showed it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta, timezone

import pytest
from pydantic import ValidationError

from domain.contacts import EndReason
from domain.conversation import State
from domain.events import Assign, Connect, End, Invite, Leave, Message, TimerSetting, Transfer
from domain.participants import ParticipantTimer, Role
from domain.policy import IdleAction, IdleRule
from engine.client import ConversationClient
from runtime.bus import Announcement, LocalBus
from runtime.settings import Settings
from store import conversations
from tests.routing.routing_records import routing_row
from tests.workflows.engine import Engine
from tests.workflows.simulated_chat import SECOND, START, SimulatedChat, new_state
from workflows.machine import catch_up, decide
from workflows.timers import deadlines


class InterruptingBus(LocalBus):
    """A bus that sends a signal right after the n-th commit with items, before the task that wrote it completes."""

    def __init__(self, nth: int) -> None:
        super().__init__()
        self._remaining = nth
        self.interrupt: Callable[[], Awaitable[None]] | None = None

    async def announce(self, announcement: Announcement) -> None:
        await super().announce(announcement)
        if not announcement.transcript_has_grown:
            return
        self._remaining -= 1
        if self._remaining == 0 and self.interrupt:
            # the write has a time limit; on a busy machine it can be repeated, but the signal is sent once
            await asyncio.shield(asyncio.ensure_future(self.interrupt()))


async def test_repeated_workflow_task_replaces_the_first_write(engine: Engine) -> None:
    bus = InterruptingBus(1)
    async with engine.worker(bus=bus):
        chat = await engine.start()
        await chat.state()
    # one task writes and is about to continue as new; a signal arrives before it completes
    await chat.signal("connect")
    await chat.signal("renew")
    bus.interrupt = lambda: chat.signal("end", {"by": "kim"})
    async with engine.worker(bus=bus):
        await chat.handle.result()
        state = await chat.state()
    record = await conversations.find_conversation(engine.db, chat.id)
    assert record
    assert (record.state, record.end_reason) == (state.state, state.end_reason)
    assert await chat.contents() == ["participant.joined", "participant.left", "chat.ended"]
    assert await routing_row(engine.db, chat.id) is None


async def test_command_is_answered_when_a_signal_arrives_during_completion(engine: Engine) -> None:
    bus = InterruptingBus(1)
    client = ConversationClient(engine.client, Settings())
    async with engine.worker(bus=bus):
        chat = await engine.start()
        await chat.state()
        # the end completes the workflow; a signal that arrives before makes the engine drop the update with its task
        bus.interrupt = lambda: chat.signal("message", {"content": "wait", "id": "m"})
        assert await client.execute_command(chat.id, End(by="kim")) is None
        await chat.handle.result()
    assert sorted(await chat.contents()) == ["chat.ended", "wait"]


async def test_message_that_arrives_while_a_timer_ends_the_chat_is_recorded(engine: Engine) -> None:
    bus = InterruptingBus(2)
    async with engine.worker(bus=bus):
        chat = await engine.start(open_age=timedelta(seconds=2), texts={})
        await chat.signal("connect")
        state = await chat.wait_until(lambda s: s.seq == 1, "the customer has joined")
        # accepted just before the open age is reached, it arrives while the end is written
        accepted = {
            "by": state.customer.id,
            "role": "CUSTOMER",
            "name": "Ada",
            "id": "m",
            "content": "am I in time?",
            "at": (state.started_at + timedelta(seconds=1.9)).isoformat(),
        }
        bus.interrupt = lambda: chat.signal("message", accepted)
        await chat.handle.result()
    expected = ["participant.joined", "am I in time?", "participant.left", "chat.ended"]
    assert sorted(await chat.contents()) == sorted(expected)


@pytest.mark.parametrize("limit", [timedelta.max, timedelta(days=3_000_000)])
def test_limit_beyond_the_calendar_counts_as_no_limit(limit: timedelta) -> None:
    assert not deadlines(new_state(connect_within=None, open_age=limit, duration=limit))
    with pytest.raises(ValidationError):
        TimerSetting(role=Role.CUSTOMER, kind=ParticipantTimer.IDLE, limit=limit)


@pytest.mark.parametrize(("silent", "action"), [("agent", "close"), ("customer", "release")])
def test_idle_rule_with_an_action_of_the_other_role_has_no_effect(silent: str, action: str) -> None:
    rule = IdleRule.model_validate({"silent": silent, "after": SECOND, "action": action})
    events = (Connect(), Assign(user="a1", name="A1"), Message(by="agent", content="Hello"))
    chat = SimulatedChat(new_state(idle_rules=(rule,))).after(*events)
    assert chat.at(chat.now + 10 * SECOND).state == chat.state


def test_bot_that_was_invited_again_can_end_the_chat() -> None:
    invite = Invite(participant_id="b", name="Bot")
    chat = SimulatedChat(new_state()).after(invite, Leave(by="b"), invite, Assign(user="a1", name="A1"), End(by="b"))
    assert chat.state.end_reason is EndReason.AGENT_ENDED


@pytest.mark.parametrize("id", ["c-customer", "customer", "agent", "operator"])
def test_invite_with_a_reserved_participant_id_is_refused(id: str) -> None:
    assert decide(new_state(), Invite(participant_id=id, name="Bot"), START).refused


def test_instants_are_converted_to_utc() -> None:
    at = (START + SECOND).astimezone(timezone(timedelta(hours=5)))
    decision = decide(new_state(), Message(by="customer", content="hi", at=at), START + 2 * SECOND)
    assert {item.at.utcoffset() for item in decision.items} == {timedelta(0)}
    assert decision.state.clock.utcoffset() == timedelta(0)


def test_message_of_the_previous_agent_does_not_count_for_the_next_agent() -> None:
    rule = IdleRule(silent="agent", after=10 * SECOND, action=IdleAction.RELEASE)
    chat = SimulatedChat(new_state(idle_rules=(rule,))).after(
        Connect(), Assign(user="a1", name="A1"), Connect(by="agent")
    )
    sent = decide(chat.state, Message(by="agent", content="Goodbye"), chat.now)
    transferred = decide(sent.state, Transfer(contact_id="t", queue="q", user="a2", name="A2"), chat.now)
    assert catch_up(transferred.state, chat.now + 10 * SECOND).state.state is State.OPEN
