"""A webhook that fails is a workflow that operators see and steer by its signals."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio.client import WorkflowExecutionStatus

from configuration.current import Configuration
from configuration.schema.instances import InstanceSettings
from domain.webhooks import WebhookSignal, WebhookState
from engine.webhook_signals import signal_webhook
from runtime.bus import LocalBus
from store.webhooks import WebhookKey, find_webhook, last_deliveries
from tests.webhooks.receiver import SECRET, receiving
from tests.workflows.engine import Engine, eventually
from tests.workflows.webhook_scene import arrived, fail, hooked, status_of, workflow_of
from webhooks import sender

pytestmark = pytest.mark.usefixtures("quick_webhooks")


async def test_operator_sees_why_it_fails(engine: Engine) -> None:
    async with hooked(engine) as (receiver, key):
        await fail(engine, receiver, key)
        await workflow_of(engine, key).signal("retry_now")
        status = await status_of(engine, key, "failing", attempts=1)
        assert status.reason == "500 no room"
        assert status.event_id == receiver.attempts[0]
        assert status.next_try
        assert status.next_try > datetime.now(UTC) + timedelta(hours=20)
        latest = (await last_deliveries(engine.db, key, 1))[0]
        assert (latest.status, latest.answer, latest.event_id) == (500, "no room", receiver.attempts[0])


async def test_paused_webhook_sends_nothing_until_it_resumes(engine: Engine) -> None:
    async with hooked(engine) as (receiver, key):
        id = await fail(engine, receiver, key)
        await workflow_of(engine, key).signal("pause")
        await status_of(engine, key, "paused")
        receiver.status = 200
        attempts = len(receiver.attempts)
        await workflow_of(engine, key).signal("retry_now")
        assert len(receiver.attempts) == attempts
        await workflow_of(engine, key).signal("resume")
        await arrived(receiver, id, "message.created")


async def test_webhook_that_is_paused_while_an_event_is_delivered_stays_paused(engine: Engine) -> None:
    async with hooked(engine) as (receiver, key):
        id = await fail(engine, receiver, key)
        receiver.status, receiver.released, attempts = 200, asyncio.Event(), len(receiver.attempts)
        await workflow_of(engine, key).signal("retry_now")

        async def is_tried() -> bool | None:
            return True if len(receiver.attempts) > attempts else None

        await eventually(is_tried, "the event is on its way")
        await workflow_of(engine, key).signal("pause")
        await status_of(engine, key, "paused")
        receiver.released.set()

        async def is_paused() -> bool | None:
            found = await find_webhook(engine.db, key)
            return True if found and found.state is WebhookState.PAUSED else None

        await eventually(is_paused, "the workers send nothing")
        assert (await status_of(engine, key, "paused")).attempts == 1
        await workflow_of(engine, key).signal("resume")
        await arrived(receiver, id, "message.created")


@pytest.mark.parametrize("is_paused", [False, True])
async def test_skipped_event_is_passed_over(engine: Engine, is_paused: bool) -> None:
    async with hooked(engine) as (receiver, key):
        id = await fail(engine, receiver, key)
        if is_paused:
            for signal in ("pause", "skip"):
                await workflow_of(engine, key).signal(signal)
            await status_of(engine, key, "paused")
        receiver.status = 200
        await workflow_of(engine, key).signal("resume" if is_paused else "skip")
        events = await arrived(receiver, id, "message.created")
        assert [event["seq"] for event in events] == list(range(2, len(events) + 2))


async def test_webhook_is_disabled_after_the_last_try(engine: Engine) -> None:
    async with hooked(engine) as (receiver, key):
        id = await fail(engine, receiver, key)
        await workflow_of(engine, key).signal("retry_now")
        await status_of(engine, key, "failing", attempts=1)
        await workflow_of(engine, key).signal("retry_now")
        assert (await status_of(engine, key, "disabled")).next_try is None
        receiver.status = 200
        await workflow_of(engine, key).signal("resume")
        await arrived(receiver, id, "message.created")


async def test_webhook_of_a_running_worker_is_taken_up_and_enabled_again(engine: Engine) -> None:
    instance = InstanceSettings.model_validate({"workstreams": {"live": {"mode": "live", "queue": "live"}}})
    configuration = Configuration({"demo": instance}, engine.db, LocalBus())
    key = WebhookKey("demo", f"hook-{uuid4().hex[:8]}")

    async def in_state(state: WebhookState) -> None:
        async def find() -> bool | None:
            found = await find_webhook(engine.db, key)
            return True if found and found.state is state else None

        await eventually(find, f"the webhook is {state}")

    async with receiving() as receiver, engine.worker(configuration=configuration):
        await configuration.change("demo", "webhooks", key.name, {"url": receiver.url, "secrets": [SECRET]}, by="key")
        await in_state(WebhookState.SENDING)
        assert not await signal_webhook(engine.client, *key, WebhookSignal.RESUME)
        receiver.status = 410
        chat = await engine.start(greeting="hello")
        await in_state(WebhookState.FAILING)
        assert await signal_webhook(engine.client, *key, WebhookSignal.RETRY_NOW)
        await in_state(WebhookState.DISABLED)
        receiver.status = 200
        assert await signal_webhook(engine.client, *key, WebhookSignal.RESUME)
        events = await arrived(receiver, chat.id, "message.created")
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        await in_state(WebhookState.SENDING)


async def test_receiver_that_is_gone_disables_the_webhook(engine: Engine) -> None:
    async with hooked(engine) as (receiver, key):
        receiver.status = 410
        await engine.start(greeting="hello")
        await status_of(engine, key, "failing")
        assert len(receiver.attempts) < 3 * 5
        await workflow_of(engine, key).signal("retry_now")
        await status_of(engine, key, "disabled")


async def test_webhook_whose_workflow_was_ended_has_it_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "WORKFLOW_LOOK", timedelta(seconds=1))
    async with hooked(engine) as (receiver, key):
        id = await fail(engine, receiver, key)
        before = (await workflow_of(engine, key).describe()).run_id
        await workflow_of(engine, key).terminate()

        async def runs_again() -> bool | None:
            found = await workflow_of(engine, key).describe()
            return True if found.run_id != before and found.status is WorkflowExecutionStatus.RUNNING else None

        await eventually(runs_again, "the workflow runs again")
        receiver.status = 200
        await workflow_of(engine, key).signal("retry_now")
        await arrived(receiver, id, "message.created")


async def test_wrong_signals_by_hand_change_nothing(engine: Engine) -> None:
    async with hooked(engine) as (receiver, key):
        await fail(engine, receiver, key)
        handle = workflow_of(engine, key)
        for name, args in (("retry_now", [1, 2]), ("unknown", ["x"]), ("pause", [{"a": 1}])):
            await handle.signal(name, args=args)
        await status_of(engine, key, "paused")
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
