"""Conversations that run while their workstream is configured otherwise: they go by that from their next step on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from configuration.current import Configuration
from configuration.schema.instances import InstanceSettings
from domain.contacts import EndReason
from domain.conversation import State
from domain.events import Connect
from runtime.bus import LocalBus
from tests.workflows.clock import forward_to, rings
from tests.workflows.engine import Chat, Engine
from workflows.conversation import Conversation
from workflows.state import ConversationState
from workflows.timers import Timer, next_deadline

LIVE: dict[str, Any] = {"mode": "live", "queue": "live"}
HOUR = timedelta(hours=1)


class Admin:
    """Who changes the workstream `live` of the tests' conversations."""

    def __init__(self, engine: Engine) -> None:
        self.configuration = Configuration(
            {"demo": InstanceSettings.model_validate({"workstreams": {"live": LIVE, "other": LIVE}})},
            engine.db,
            LocalBus(),
        )

    async def change(self, **keys: Any) -> None:
        await self.configuration.change("demo", "workstreams", "live", LIVE | keys, by="test")

    async def put(self, kind: str, name: str, value: Any) -> None:
        await self.configuration.change("demo", kind, name, value, by="test")

    async def reset(self) -> None:
        for change, _ in reversed(self.configuration.changes("demo")):
            await self.configuration.reset("demo", change.kind, change.name)


@pytest.fixture
async def admin(engine: Engine) -> Any:
    admin = Admin(engine)
    await admin.configuration.refresh()
    yield admin
    await admin.reset()


async def replays(chat: Chat) -> None:
    """Its history, as it is now, replays."""
    history = await chat.engine.client.get_workflow_handle(chat.id).fetch_history()
    await Replayer(workflows=[Conversation], data_converter=pydantic_data_converter).replay_workflow(history)


def due(state: ConversationState) -> tuple[Timer, timedelta]:
    deadline = next_deadline(state)
    assert deadline is not None
    return deadline.timer, deadline.due - state.started_at


async def test_a_changed_limit_counts_from_the_next_step_on(
    environment: WorkflowEnvironment, engine: Engine, admin: Admin
) -> None:
    async with engine.working(configuration=admin.configuration):
        chat = await engine.start(workstream="live")
        await chat.do(Connect())
        before = await chat.state()
        assert due(before) == (Timer.OPEN_AGE, timedelta(minutes=20))
        await admin.change(open_age="PT1H")
        assert await chat.state() == before
        await chat.say("Is anybody there?")
        after = await chat.until(lambda s: due(s) == (Timer.OPEN_AGE, HOUR), "the deadline moves")
        assert after.change_notes[-1].what == "the workstream has changed: open_age"
        ended = await rings(environment, chat, Timer.OPEN_AGE, after.started_at + HOUR)
        assert (ended.state, ended.end_reason) == (State.CLOSED, EndReason.OPEN_TOO_LONG)
        await replays(chat)


async def test_a_limit_that_has_passed_already_takes_effect_at_once(
    environment: WorkflowEnvironment, engine: Engine, admin: Admin
) -> None:
    async with engine.working(configuration=admin.configuration):
        chat = await engine.start(workstream="live")
        await chat.do(Connect())
        await forward_to(environment, chat, (await chat.state()).started_at + timedelta(minutes=10))
        await admin.change(open_age="PT5M")
        await chat.signal("message", {"content": "Still here", "by": "customer"})
        assert (await chat.until(lambda s: s.ended, "it ends")).end_reason is EndReason.OPEN_TOO_LONG
        assert (await chat.words())[1] == "Still here"
        await replays(chat)


async def test_who_has_continued_as_new_still_reads_their_language(engine: Engine, admin: Admin) -> None:
    async with engine.working(configuration=admin.configuration):
        chat = await engine.start(workstream="live", attributes={"language": "de-AT"})
        await chat.do(Connect())
        await chat.renew()
        await admin.change(texts={"agent_assigned": {"en": "Here.", "de": "Da."}})
        await chat.say("Hallo?")
        await chat.until(lambda s: s.policy.texts.agent_assigned == "Da.", "it takes the text of its language")
        await chat.renew()
        await chat.assign()
        assert (await chat.words())[-1] == "Da."
        await replays(chat)


async def test_a_queue_that_has_hours_now_is_asked_at_the_same_step(engine: Engine, admin: Admin) -> None:
    async with engine.working(configuration=admin.configuration):
        chat = await engine.start(workstream="live")
        await chat.do(Connect())
        await admin.put("hours", "never", {"time_zone": "UTC"})
        await admin.put("queues", "live", {"hours": "never"})
        await chat.say("Is anybody there?")
        state = await chat.until(lambda s: s.hours is not None, "it asks")
        assert state.queue_closed
        assert (await chat.words())[-1] == "We are closed at the moment."
        await replays(chat)


async def test_a_duration_of_the_request_stays(engine: Engine, admin: Admin) -> None:
    async with engine.working(configuration=admin.configuration):
        fixed = await engine.start(workstream="live", duration=2 * HOUR, duration_configured=False)
        other = await engine.start(workstream="live", duration=2 * HOUR)
        await admin.change(duration="PT3H", open_age="PT1H")
        for chat in (fixed, other):
            await chat.do(Connect())
            await chat.until(lambda s: s.policy.open_age == HOUR, "it takes the new policy")
        assert (await fixed.state()).policy.duration == 2 * HOUR
        assert (await other.state()).policy.duration == 3 * HOUR


async def test_a_workstream_that_is_gone_changes_nothing(engine: Engine, admin: Admin) -> None:
    async with engine.working(configuration=admin.configuration):
        chat = await engine.start(workstream="live")
        await admin.change(open_age="PT1H")
        await chat.do(Connect())
        before = (await chat.until(lambda s: s.policy.open_age == HOUR, "it takes the new policy")).policy
        await admin.put("workstreams", "live", None)
        await chat.say("Hello?")
        assert (await chat.state()).policy == before
        await admin.put("workstreams", "live", {"mode": "persistent", "queue": "live"})
        await chat.say("Hello again?")
        assert (await chat.state()).policy == before
