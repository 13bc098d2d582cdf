"""The chains of idle rules: who is silent is reminded, warned, and loses the chat, or the agent their customer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.events import Assign, Connect, Park, Release
from domain.policy import IdleAction, IdleRule
from runtime.bus import ROUTING, Announcement, LocalBus
from tests.workflows.clock import forward, rings
from tests.workflows.engine import Chat, Engine
from tests.workflows.test_deadlines import SEATED
from tests.workflows.test_legs import contact
from workflows.timers import Timer, deadlines

MINUTE = timedelta(minutes=1)


def step(silent: str, minutes: int, action: IdleAction, text: str | None) -> dict[str, Any]:
    rule = {"silent": silent, "after": minutes * MINUTE, "action": action, "text": text}
    return IdleRule.model_validate(rule).model_dump()


CUSTOMER = (
    step("customer", 10, IdleAction.REMIND, "Still there, {CustomerName}? {AgentName} waits."),
    step("customer", 15, IdleAction.WARN, "{AgentName} cannot wait in {QueueName}."),
    step("customer", 20, IdleAction.CLOSE, "Goodbye."),
)
AGENT = (
    step("agent", 5, IdleAction.REMIND, "{CustomerName} waits for you, {AgentName}."),
    step("agent", 8, IdleAction.RELEASE, "Somebody else will help you."),
)
REMINDER, WARNING, GOODBYE = "Still there, Ada? A1 waits.", "A1 cannot wait in persistent.", "Goodbye."


async def spoken(chat: Chat, content: str, by: str = "agent") -> datetime:
    """A message; returns when it counts as said."""
    await chat.say(content, by)
    said_at = (await chat.state()).last_message_at
    assert said_at is not None
    return said_at


async def said_by_the_system(chat: Chat) -> list[tuple[str | None, str | None]]:
    return [(item.trigger, item.content) for item in await chat.items() if item.role == "SYSTEM" and item.content]


async def test_a_silent_customer_is_reminded_and_warned_and_loses_the_chat(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.working():
        chat = await engine.start(Mode.PERSISTENT, idle_rules=CUSTOMER)
        await chat.do(*SEATED)
        silent_since = await spoken(chat, "Which version?")
        await chat.renew()
    async with engine.working():
        state = await rings(environment, chat, Timer.CUSTOMER_SILENT, silent_since + 10 * MINUTE)
        assert (await chat.items())[-1].at == state.clock.replace(microsecond=state.clock.microsecond // 1000 * 1000)
        await chat.renew()
    async with engine.working():
        await rings(environment, chat, Timer.CUSTOMER_SILENT, silent_since + 15 * MINUTE)
        await chat.renew()
        state = await rings(environment, chat, Timer.CUSTOMER_SILENT, silent_since + 20 * MINUTE)
    assert (state.state, state.end_reason) == (State.WRAP_UP, EndReason.CUSTOMER_SILENT)
    said = [("customer_idle_remind", REMINDER), ("customer_idle_warn", WARNING), ("customer_idle_close", GOODBYE)]
    assert await said_by_the_system(chat) == said
    assert (await chat.words())[-4:] == [GOODBYE, "participant.left", "participant.left", "chat.ended"]


async def test_an_answer_breaks_the_chain_and_the_agents_next_message_begins_it(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.working():
        chat = await engine.start(Mode.PERSISTENT, idle_rules=CUSTOMER)
        await chat.do(*SEATED)
        asked_at = await spoken(chat, "Which version?")
        await rings(environment, chat, Timer.CUSTOMER_SILENT, asked_at + 10 * MINUTE)
        await chat.say("The latest.")
        assert deadlines(await chat.state()) == []
        await forward(environment, chat, days=3)
        await spoken(chat, "Of what?")
        asked_at = await spoken(chat, "I mean, which product?")
        await rings(environment, chat, Timer.CUSTOMER_SILENT, asked_at + 10 * MINUTE)
        asked_at = await spoken(chat, "Hello?")
        await rings(environment, chat, Timer.CUSTOMER_SILENT, asked_at + 10 * MINUTE)
        await rings(environment, chat, Timer.CUSTOMER_SILENT, asked_at + 15 * MINUTE)
    assert await said_by_the_system(chat) == [
        *[("customer_idle_remind", REMINDER)] * 3,
        ("customer_idle_warn", WARNING),
    ]


async def test_the_chain_goes_on_while_parked_and_in_the_queue(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.working():
        parked = await engine.start(Mode.PERSISTENT, idle_rules=CUSTOMER)
        released = await engine.start(Mode.PERSISTENT, idle_rules=CUSTOMER)
        nameless = ["Still there, Ada?  waits.", " cannot wait in persistent."]
        for chat, command, told in ((parked, Park(), [REMINDER, WARNING]), (released, Release(), nameless)):
            await chat.do(*SEATED)
            asked_at = await spoken(chat, "Which version?")
            await chat.do(command)
            for minutes in (10, 15):
                await rings(environment, chat, Timer.CUSTOMER_SILENT, asked_at + minutes * MINUTE)
            state = await rings(environment, chat, Timer.CUSTOMER_SILENT, asked_at + 20 * MINUTE)
            assert (state.state, state.end_reason) == (State.CLOSED, EndReason.CUSTOMER_SILENT)
            assert [content for _, content in await said_by_the_system(chat)] == [*told, GOODBYE]


async def test_a_silent_agent_is_reminded_over_the_socket_and_loses_the_customer(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    heard: list[Announcement] = []
    bus = LocalBus()
    bus.subscribe(heard.append)
    async with engine.working(bus=bus):
        chat = await engine.start(idle_rules=AGENT)
        await chat.do(*SEATED)
        await chat.say("Hello?")
        await chat.say("One moment.", "agent")
        first = (await chat.state()).agent
        silent_since = await spoken(chat, "Yes?", "customer")
        await chat.renew()
    async with engine.working(bus=bus):
        await rings(environment, chat, Timer.AGENT_SILENT, silent_since + 5 * MINUTE)
        assert first is not None
        [reminder] = [news for news in heard if news.frame and news.conversation_id != ROUTING]
        assert reminder.frame is not None
        assert (reminder.conversation_id, reminder.only_to) == (chat.id, first.id)
        told = {name: reminder.frame[name] for name in ("Type", "ParticipantRole", "Content", "ContactId")}
        assert told == {
            "Type": "MESSAGE",
            "ParticipantRole": "SYSTEM",
            "Content": "Ada waits for you, A1.",
            "ContactId": chat.id,
        }
        await chat.renew()
    async with engine.working(bus=bus):
        state = await rings(environment, chat, Timer.AGENT_SILENT, silent_since + 8 * MINUTE)
        assert (state.state, state.agent, state.previous_contact_id) == (State.OPEN, None, chat.id)
        ended, follows = await contact(chat, chat.id), await contact(chat, state.contact_id)
        assert (ended.agent_user, ended.end_reason) == ("a1", EndReason.RELEASED)
        assert (ended.ended_at, ended.wrapped_up_at) == (follows.initiated_at, follows.initiated_at)
        assert (follows.initiation_method, follows.previous_contact_id) == ("TRANSFER", chat.id)
    assert [news for news in heard if news.frame and news.conversation_id != ROUTING] == [reminder]
    assert await said_by_the_system(chat) == [("agent_idle_release", "Somebody else will help you.")]


async def test_an_agent_who_has_said_nothing_yet_owes_it_since_they_have_it(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.working():
        chat = await engine.start(idle_rules=AGENT)
        await chat.do(*SEATED)
        await chat.say("Hello?")
        await chat.say("Still nobody?")
        began = (await chat.state()).since
        await rings(environment, chat, Timer.AGENT_SILENT, began + 5 * MINUTE)
        state = await rings(environment, chat, Timer.AGENT_SILENT, began + 8 * MINUTE)
        assert state.state is State.OPEN
        await chat.do(Assign(user="a2", name="A2"), Connect(by="agent"))
        began = (await chat.state()).since
        await rings(environment, chat, Timer.AGENT_SILENT, began + 5 * MINUTE)
        await chat.say("Good morning.", "agent")
        assert Timer.AGENT_SILENT not in {deadline.timer for deadline in deadlines(await chat.state())}
