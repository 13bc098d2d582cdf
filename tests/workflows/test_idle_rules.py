"""Chains of idle rules: a silent customer is reminded, warned and disconnected; a silent agent is reminded and loses the chat."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.events import Assign, Connect, Park, Release
from domain.policy import IdleAction, IdleRule
from runtime.bus import ROUTING, Announcement, LocalBus
from tests.workflows.engine import Chat, Engine
from tests.workflows.test_contacts import stored_contact
from tests.workflows.test_deadlines import WITH_AGENT
from tests.workflows.time_skipping import advance, advance_to_timer
from workflows.timers import Timer, deadlines

MINUTE = timedelta(minutes=1)


def idle_rule(silent: str, minutes: int, action: IdleAction, text: str | None) -> dict[str, Any]:
    rule = {"silent": silent, "after": minutes * MINUTE, "action": action, "text": text}
    return IdleRule.model_validate(rule).model_dump()


CUSTOMER = (
    idle_rule("customer", 10, IdleAction.REMIND, "Still there, {CustomerName}? {AgentName} waits."),
    idle_rule("customer", 15, IdleAction.WARN, "{AgentName} cannot wait in {QueueName}."),
    idle_rule("customer", 20, IdleAction.CLOSE, "Goodbye."),
)
AGENT = (
    idle_rule("agent", 5, IdleAction.REMIND, "{CustomerName} waits for you, {AgentName}."),
    idle_rule("agent", 8, IdleAction.RELEASE, "Somebody else will help you."),
)
REMINDER, WARNING, GOODBYE = "Still there, Ada? A1 waits.", "A1 cannot wait in persistent.", "Goodbye."


async def send_and_get_time(chat: Chat, content: str, by: str = "agent") -> datetime:
    """Send a message and return the time at which it counts."""
    await chat.send(content, by)
    sent_at = (await chat.state()).last_message_at
    assert sent_at is not None
    return sent_at


async def system_messages(chat: Chat) -> list[tuple[str | None, str | None]]:
    return [(item.trigger, item.content) for item in await chat.items() if item.role == "SYSTEM" and item.content]


async def test_silent_customer_is_reminded_then_warned_then_disconnected(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await engine.start(Mode.PERSISTENT, idle_rules=CUSTOMER)
        await chat.do(*WITH_AGENT)
        silent_since = await send_and_get_time(chat, "Which version?")
        await chat.renew()
    async with engine.worker():
        state = await advance_to_timer(environment, chat, Timer.CUSTOMER_SILENT, silent_since + 10 * MINUTE)
        assert (await chat.items())[-1].at == state.clock.replace(microsecond=state.clock.microsecond // 1000 * 1000)
        await chat.renew()
    async with engine.worker():
        await advance_to_timer(environment, chat, Timer.CUSTOMER_SILENT, silent_since + 15 * MINUTE)
        await chat.renew()
        state = await advance_to_timer(environment, chat, Timer.CUSTOMER_SILENT, silent_since + 20 * MINUTE)
    assert (state.state, state.end_reason) == (State.WRAP_UP, EndReason.CUSTOMER_SILENT)
    expected = [("customer_idle_remind", REMINDER), ("customer_idle_warn", WARNING), ("customer_idle_close", GOODBYE)]
    assert await system_messages(chat) == expected
    assert (await chat.contents())[-4:] == [GOODBYE, "participant.left", "participant.left", "chat.ended"]


async def test_customer_answer_stops_the_chain_and_the_next_agent_message_restarts_it(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await engine.start(Mode.PERSISTENT, idle_rules=CUSTOMER)
        await chat.do(*WITH_AGENT)
        asked_at = await send_and_get_time(chat, "Which version?")
        await advance_to_timer(environment, chat, Timer.CUSTOMER_SILENT, asked_at + 10 * MINUTE)
        await chat.send("The latest.")
        assert deadlines(await chat.state()) == []
        await advance(environment, chat, days=3)
        await send_and_get_time(chat, "Of what?")
        asked_at = await send_and_get_time(chat, "I mean, which product?")
        await advance_to_timer(environment, chat, Timer.CUSTOMER_SILENT, asked_at + 10 * MINUTE)
        asked_at = await send_and_get_time(chat, "Hello?")
        await advance_to_timer(environment, chat, Timer.CUSTOMER_SILENT, asked_at + 10 * MINUTE)
        await advance_to_timer(environment, chat, Timer.CUSTOMER_SILENT, asked_at + 15 * MINUTE)
    assert await system_messages(chat) == [
        *[("customer_idle_remind", REMINDER)] * 3,
        ("customer_idle_warn", WARNING),
    ]


async def test_customer_chain_continues_while_parked_and_while_queued(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        parked = await engine.start(Mode.PERSISTENT, idle_rules=CUSTOMER)
        released = await engine.start(Mode.PERSISTENT, idle_rules=CUSTOMER)
        without_agent_name = ["Still there, Ada?  waits.", " cannot wait in persistent."]
        for chat, command, messages in (
            (parked, Park(), [REMINDER, WARNING]),
            (released, Release(), without_agent_name),
        ):
            await chat.do(*WITH_AGENT)
            asked_at = await send_and_get_time(chat, "Which version?")
            await chat.do(command)
            for minutes in (10, 15):
                await advance_to_timer(environment, chat, Timer.CUSTOMER_SILENT, asked_at + minutes * MINUTE)
            state = await advance_to_timer(environment, chat, Timer.CUSTOMER_SILENT, asked_at + 20 * MINUTE)
            assert (state.state, state.end_reason) == (State.CLOSED, EndReason.CUSTOMER_SILENT)
            assert [content for _, content in await system_messages(chat)] == [*messages, GOODBYE]


async def test_silent_agent_is_reminded_over_the_socket_then_loses_the_chat(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    announcements: list[Announcement] = []
    bus = LocalBus()
    bus.subscribe(announcements.append)
    async with engine.worker(bus=bus):
        chat = await engine.start(idle_rules=AGENT)
        await chat.do(*WITH_AGENT)
        await chat.send("Hello?")
        await chat.send("One moment.", "agent")
        agent = (await chat.state()).agent
        silent_since = await send_and_get_time(chat, "Yes?", "customer")
        await chat.renew()
    async with engine.worker(bus=bus):
        await advance_to_timer(environment, chat, Timer.AGENT_SILENT, silent_since + 5 * MINUTE)
        assert agent is not None
        [reminder] = [each for each in announcements if each.frame and each.conversation_id != ROUTING]
        assert reminder.frame is not None
        assert (reminder.conversation_id, reminder.only_to) == (chat.id, agent.id)
        sent = {name: reminder.frame[name] for name in ("Type", "ParticipantRole", "Content", "ContactId")}
        assert sent == {
            "Type": "MESSAGE",
            "ParticipantRole": "SYSTEM",
            "Content": "Ada waits for you, A1.",
            "ContactId": chat.id,
        }
        await chat.renew()
    async with engine.worker(bus=bus):
        state = await advance_to_timer(environment, chat, Timer.AGENT_SILENT, silent_since + 8 * MINUTE)
        assert (state.state, state.agent, state.previous_contact_id) == (State.OPEN, None, chat.id)
        ended, next_contact = await stored_contact(chat, chat.id), await stored_contact(chat, state.contact_id)
        assert (ended.agent_user, ended.end_reason) == ("a1", EndReason.RELEASED)
        assert (ended.ended_at, ended.wrapped_up_at) == (next_contact.initiated_at, next_contact.initiated_at)
        assert (next_contact.initiation_method, next_contact.previous_contact_id) == ("TRANSFER", chat.id)
    assert [each for each in announcements if each.frame and each.conversation_id != ROUTING] == [reminder]
    assert await system_messages(chat) == [("agent_idle_release", "Somebody else will help you.")]


async def test_agent_chain_starts_at_the_assignment_when_the_agent_has_not_written(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await engine.start(idle_rules=AGENT)
        await chat.do(*WITH_AGENT)
        await chat.send("Hello?")
        await chat.send("Still nobody?")
        since = (await chat.state()).since
        await advance_to_timer(environment, chat, Timer.AGENT_SILENT, since + 5 * MINUTE)
        state = await advance_to_timer(environment, chat, Timer.AGENT_SILENT, since + 8 * MINUTE)
        assert state.state is State.OPEN
        await chat.do(Assign(user="a2", name="A2"), Connect(by="agent"))
        since = (await chat.state()).since
        await advance_to_timer(environment, chat, Timer.AGENT_SILENT, since + 5 * MINUTE)
        await chat.send("Good morning.", "agent")
        assert Timer.AGENT_SILENT not in {deadline.timer for deadline in deadlines(await chat.state())}
