"""Running conversations whose workstream changes: they adopt the new configuration at their next step."""

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
from tests.workflows.engine import Chat, Engine
from tests.workflows.time_skipping import advance_to, advance_to_timer
from workflows.conversation import Conversation
from workflows.state import ConversationState
from workflows.timers import Timer, next_deadline

LIVE: dict[str, Any] = {"mode": "live", "queue": "live"}
HOUR = timedelta(hours=1)


class Admin:
    """Changes the configuration of the instance `demo`."""

    def __init__(self, engine: Engine) -> None:
        self.configuration = Configuration(
            {"demo": InstanceSettings.model_validate({"workstreams": {"live": LIVE, "other": LIVE}})},
            engine.db,
            LocalBus(),
        )

    async def change_workstream(self, **keys: Any) -> None:
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


async def assert_replays(chat: Chat) -> None:
    """Assert that the history of a chat replays."""
    history = await chat.engine.client.get_workflow_handle(chat.id).fetch_history()
    await Replayer(workflows=[Conversation], data_converter=pydantic_data_converter).replay_workflow(history)


def time_to_deadline(state: ConversationState) -> tuple[Timer, timedelta]:
    deadline = next_deadline(state)
    assert deadline is not None
    return deadline.timer, deadline.due - state.started_at


async def test_changed_limit_applies_from_the_next_step(
    environment: WorkflowEnvironment, engine: Engine, admin: Admin
) -> None:
    async with engine.worker(configuration=admin.configuration):
        chat = await engine.start(workstream="live")
        await chat.do(Connect())
        before = await chat.state()
        assert time_to_deadline(before) == (Timer.OPEN_AGE, timedelta(minutes=20))
        await admin.change_workstream(open_age="PT1H")
        assert await chat.state() == before
        await chat.send("Is anybody there?")
        after = await chat.wait_until(lambda s: time_to_deadline(s) == (Timer.OPEN_AGE, HOUR), "the deadline moves")
        assert after.change_notes[-1].what == "the workstream has changed: open_age"
        ended = await advance_to_timer(environment, chat, Timer.OPEN_AGE, after.started_at + HOUR)
        assert (ended.state, ended.end_reason) == (State.CLOSED, EndReason.OPEN_TOO_LONG)
        await assert_replays(chat)


async def test_shortened_limit_that_has_passed_ends_the_chat_at_the_next_step(
    environment: WorkflowEnvironment, engine: Engine, admin: Admin
) -> None:
    async with engine.worker(configuration=admin.configuration):
        chat = await engine.start(workstream="live")
        await chat.do(Connect())
        await advance_to(environment, chat, (await chat.state()).started_at + timedelta(minutes=10))
        await admin.change_workstream(open_age="PT5M")
        await chat.signal("message", {"content": "Still here", "by": "customer"})
        assert (await chat.wait_until(lambda s: s.ended, "the chat ends")).end_reason is EndReason.OPEN_TOO_LONG
        assert (await chat.contents())[1] == "Still here"
        await assert_replays(chat)


async def test_changed_text_keeps_the_customers_language_after_continue_as_new(engine: Engine, admin: Admin) -> None:
    async with engine.worker(configuration=admin.configuration):
        chat = await engine.start(workstream="live", attributes={"language": "de-AT"})
        await chat.do(Connect())
        await chat.renew()
        await admin.change_workstream(texts={"agent_assigned": {"en": "Here.", "de": "Da."}})
        await chat.send("Hallo?")
        await chat.wait_until(lambda s: s.policy.texts.agent_assigned == "Da.", "the new text is adopted")
        await chat.renew()
        await chat.assign()
        assert (await chat.contents())[-1] == "Da."
        await assert_replays(chat)


async def test_new_opening_hours_of_the_queue_are_read_at_the_next_step(engine: Engine, admin: Admin) -> None:
    async with engine.worker(configuration=admin.configuration):
        chat = await engine.start(workstream="live")
        await chat.do(Connect())
        await admin.put("hours", "never", {"time_zone": "UTC"})
        await admin.put("queues", "live", {"hours": "never"})
        await chat.send("Is anybody there?")
        state = await chat.wait_until(lambda s: s.hours is not None, "the hours are read")
        assert state.queue_closed
        assert (await chat.contents())[-1] == "We are closed at the moment."
        await assert_replays(chat)


async def test_duration_of_the_start_request_is_kept_when_the_workstream_changes(engine: Engine, admin: Admin) -> None:
    async with engine.worker(configuration=admin.configuration):
        fixed = await engine.start(workstream="live", duration=2 * HOUR, duration_configured=False)
        other = await engine.start(workstream="live", duration=2 * HOUR)
        await admin.change_workstream(duration="PT3H", open_age="PT1H")
        for chat in (fixed, other):
            await chat.do(Connect())
            await chat.wait_until(lambda s: s.policy.open_age == HOUR, "the new policy is adopted")
        assert (await fixed.state()).policy.duration == 2 * HOUR
        assert (await other.state()).policy.duration == 3 * HOUR


async def test_removed_workstream_keeps_the_policy_of_its_chats(engine: Engine, admin: Admin) -> None:
    async with engine.worker(configuration=admin.configuration):
        chat = await engine.start(workstream="live")
        await admin.change_workstream(open_age="PT1H")
        await chat.do(Connect())
        before = (await chat.wait_until(lambda s: s.policy.open_age == HOUR, "the new policy is adopted")).policy
        await admin.put("workstreams", "live", None)
        await chat.send("Hello?")
        assert (await chat.state()).policy == before
        await admin.put("workstreams", "live", {"mode": "persistent", "queue": "live"})
        await chat.send("Hello again?")
        assert (await chat.state()).policy == before
