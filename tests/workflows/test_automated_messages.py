"""Automated messages: each text of a workstream is in the transcript with its trigger, or is switched off."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio.testing import WorkflowEnvironment

from domain.conversation import Mode
from domain.events import Assign, Connect, Disconnect, End, Park, Release, Transfer
from domain.policy import AutomatedMessages
from domain.refusals import RefusalCode
from tests.workflows.engine import Chat, Engine
from tests.workflows.test_deadlines import AGENT_LOST, WITH_AGENT
from tests.workflows.test_hours import INSTANCES, OPENS
from tests.workflows.time_skipping import MARGIN_AFTER, advance_to, advance_to_timer
from workflows.timers import Timer

SLUGS = "{CustomerName} {AgentName} {QueueName} {OpeningTime}{PeopleAhead}{WaitMinutes}"
"""The text after the name of each trigger. It shows which slugs are filled."""

ALL = {"texts": {trigger: f"{trigger}: {SLUGS}" for trigger in AutomatedMessages.model_fields}}
NONE = {"texts": dict.fromkeys(AutomatedMessages.model_fields)}


async def system_messages(chat: Chat) -> list[str]:
    """The system messages. Checks that each begins with the trigger of its item."""
    items = [item for item in await chat.items() if item.role == "SYSTEM" and item.content]
    assert all(item.content and item.content.startswith(f"{item.trigger}: ") for item in items)
    return [str(item.content) for item in items]


async def messages_of_all_triggers(
    environment: WorkflowEnvironment, engine: Engine, texts: dict[str, Any]
) -> list[list[str]]:
    """The system messages of conversations that together meet every trigger."""
    unheard = await engine.start(**texts)
    await unheard.do(Connect())
    await advance_to_timer(
        environment, unheard, Timer.OPEN_AGE, (await unheard.state()).started_at + timedelta(minutes=20)
    )
    lost = await engine.start(**texts)
    await lost.signal("position", {"position": 3, "average_wait": "PT90S"})
    await lost.signal("position", {"position": 3, "average_wait": "PT90S"})
    await lost.signal("position", {"position": 1, "average_wait": "PT5M"})
    await lost.do(*AGENT_LOST)
    agent = (await lost.state()).agent
    assert agent is not None
    await advance_to_timer(environment, lost, Timer.AGENT_GRACE, agent.since + timedelta(seconds=150))
    await lost.do(Disconnect())
    await advance_to(environment, lost, (await lost.state()).customer.since + timedelta(minutes=3) + MARGIN_AFTER)
    ended = await engine.start(**texts)
    transfer = Transfer(contact_id=f"{ended.id}-2", queue="always", user="a2", name="A2")
    await ended.do(*WITH_AGENT, transfer, Connect(by="agent"), End(by="agent"))
    parked = await engine.start(Mode.PERSISTENT, **texts)
    await parked.do(*WITH_AGENT, Park())
    await parked.send("Back.")
    await parked.do(Assign(user="a1", name="A1"), Release(), End())
    closed = [await engine.start(queue=queue, hours=True, **texts) for queue in ("live", "feast", "never")]
    for chat in closed:
        await chat.do(End())
    return [await system_messages(chat) for chat in (unheard, lost, ended, parked, *closed)]


async def test_each_message_is_sent_with_its_slugs_filled(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.worker(instances=INSTANCES):
        messages = await messages_of_all_triggers(environment, engine, ALL)
    opens = f"{OPENS[0]:%Y-%m-%d %H:%M} UTC"
    assert messages == [
        ["greeting: Ada  live ", "nobody_available: Ada  live "],
        [
            "greeting: Ada  live ",
            "position_in_queue: Ada  live 2",
            "average_wait: Ada  live 2",
            "next_in_line: Ada  live ",
            "agent_assigned: Ada A1 live ",
            "agent_joined: Ada A1 live ",
            "agent_disconnected: Ada A1 live ",
            "customer_disconnected: Ada  live ",
            "ended: Ada  live ",
        ],
        [
            "greeting: Ada  live ",
            "agent_assigned: Ada A1 live ",
            "agent_joined: Ada A1 live ",
            "transferred: Ada A1 always ",
            "agent_assigned: Ada A2 always ",
            "agent_joined: Ada A2 always ",
            "agent_ended: Ada A2 always ",
            "ended: Ada A2 always ",
        ],
        [
            "greeting: Ada  persistent ",
            "agent_assigned: Ada A1 persistent ",
            "agent_joined: Ada A1 persistent ",
            "parked: Ada A1 persistent ",
            "agent_assigned: Ada A1 persistent ",
            "released: Ada A1 persistent ",
            "ended: Ada  persistent ",
        ],
        ["greeting: Ada  live ", f"out_of_hours: Ada  live {opens}", "ended: Ada  live "],
        ["greeting: Ada  feast ", f"holiday: Ada  feast {opens}", "ended: Ada  feast "],
        ["greeting: Ada  never ", "closed: Ada  never ", "ended: Ada  never "],
    ]
    triggers = {text.partition(":")[0] for texts in messages for text in texts}
    assert triggers == set(AutomatedMessages.model_fields)


async def test_disabled_messages_are_not_sent(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.worker(instances=INSTANCES):
        assert await messages_of_all_triggers(environment, engine, NONE) == [[]] * 7


async def test_queue_position_and_wait_are_sent_in_live_mode_only(engine: Engine) -> None:
    position = {"position": 3, "average_wait": "PT4M"}
    async with engine.worker():
        live, persistent = await engine.start(Mode.LIVE), await engine.start(Mode.PERSISTENT)
        for chat in (live, persistent):
            await chat.signal("position", position)
        await live.wait_until(lambda s: s.wait_announced, "the customer gets the position")
        state = await persistent.wait_until(lambda s: s.refused_count == 1, "the signal is refused")
    assert state.refusals[0].code is RefusalCode.LIVE_ONLY
    assert await live.contents() == ["People ahead of you: 2", "Average wait time: 4 minutes"]
    assert await persistent.contents() == []


async def test_chat_that_nobody_takes_ends_with_a_word_by_default(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker(instances=INSTANCES):
        chat = await engine.start()
        await chat.do(Connect())
        await advance_to_timer(
            environment, chat, Timer.OPEN_AGE, (await chat.state()).started_at + timedelta(minutes=20)
        )
        said = [item for item in await chat.items() if item.role == "SYSTEM" and item.content]
    assert [(item.trigger, "nobody could take" in str(item.content)) for item in said] == [("nobody_available", True)]
