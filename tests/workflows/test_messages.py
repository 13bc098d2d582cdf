"""Automated messages: each text of a workstream stands in the transcript with its trigger, or is switched off."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio.testing import WorkflowEnvironment

from domain.conversation import Mode
from domain.events import Assign, Connect, Disconnect, End, Park, Release, Transfer
from domain.policy import AutomatedMessages
from domain.refusals import RefusalCode
from tests.workflows.clock import AFTER, forward_to, rings
from tests.workflows.engine import Chat, Engine
from tests.workflows.test_deadlines import AGENT_LOST, SEATED
from tests.workflows.test_hours import INSTANCES, OPENS
from workflows.timers import Timer

SLUGS = "{CustomerName} {AgentName} {QueueName} {OpeningTime}{PeopleAhead}{WaitMinutes}"
"""Said after each trigger's name, so that one sees what it knows."""

ALL = {"texts": {trigger: f"{trigger}: {SLUGS}" for trigger in AutomatedMessages.model_fields}}
NONE = {"texts": dict.fromkeys(AutomatedMessages.model_fields)}


async def automated(chat: Chat) -> list[str]:
    """What the system has said; each text begins with its trigger, as each item names it."""
    said = [item for item in await chat.items() if item.role == "SYSTEM" and item.content]
    assert all(item.content and item.content.startswith(f"{item.trigger}: ") for item in said)
    return [str(item.content) for item in said]


async def talked(environment: WorkflowEnvironment, engine: Engine, texts: dict[str, Any]) -> list[list[str]]:
    """What the system says in conversations that meet with every trigger."""
    lost = await engine.start(**texts)
    await lost.signal("position", {"position": 3, "average_wait": "PT90S"})
    await lost.signal("position", {"position": 3, "average_wait": "PT90S"})
    await lost.signal("position", {"position": 1, "average_wait": "PT5M"})
    await lost.do(*AGENT_LOST)
    agent = (await lost.state()).agent
    assert agent is not None
    await rings(environment, lost, Timer.AGENT_GRACE, agent.since + timedelta(seconds=150))
    await lost.do(Disconnect())
    await forward_to(environment, lost, (await lost.state()).customer.since + timedelta(minutes=3) + AFTER)
    ended = await engine.start(**texts)
    transfer = Transfer(contact_id=f"{ended.id}-2", queue="always", user="a2", name="A2")
    await ended.do(*SEATED, transfer, Connect(by="agent"), End(by="agent"))
    kept = await engine.start(Mode.PERSISTENT, **texts)
    await kept.do(*SEATED, Park())
    await kept.say("Back.")
    await kept.do(Assign(user="a1", name="A1"), Release(), End())
    shut = [await engine.start(queue=queue, hours=True, **texts) for queue in ("live", "feast", "never")]
    for chat in shut:
        await chat.do(End())
    return [await automated(chat) for chat in (lost, ended, kept, *shut)]


async def test_every_text_is_said_with_what_it_knows(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.working(instances=INSTANCES):
        told = await talked(environment, engine, ALL)
    opens = f"{OPENS[0]:%Y-%m-%d %H:%M} UTC"
    assert told == [
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
    said = {text.partition(":")[0] for texts in told for text in texts}
    assert said == set(AutomatedMessages.model_fields)


async def test_no_text_is_said_that_is_switched_off(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.working(instances=INSTANCES):
        assert await talked(environment, engine, NONE) == [[]] * 6


async def test_only_who_waits_live_is_told_how_long(engine: Engine) -> None:
    news = {"position": 3, "average_wait": "PT4M"}
    async with engine.working():
        live, persistent = await engine.start(Mode.LIVE), await engine.start(Mode.PERSISTENT)
        for chat in (live, persistent):
            await chat.signal("position", news)
        await live.until(lambda s: s.wait_announced, "the customer is told")
        state = await persistent.until(lambda s: s.refused_count == 1, "it is refused")
    assert state.refusals[0].code is RefusalCode.LIVE_ONLY
    assert await live.words() == ["People ahead of you: 2", "Average wait time: 4 minutes"]
    assert await persistent.words() == []
