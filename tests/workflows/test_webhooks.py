"""Webhooks: events arrive signed and in order; a receiver that fails is a workflow that operators see and steer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, literal, select
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError

from configuration.current import Configuration
from configuration.schema.instances import InstanceSettings
from domain.webhooks import WebhookSignal, WebhookState
from engine.webhook_signals import signal_webhook
from runtime.bus import LocalBus
from store.feed import start_of_feed
from store.webhooks import WebhookKey, find_webhook, last_deliveries, replay_webhook
from tests.webhooks.receiver import SECRET, Receiver, receiving
from tests.workflows.engine import Engine, eventually
from webhooks import sender
from workflows import webhook
from workflows.webhook_contract import WebhookStatus, workflow_id


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "PAUSES", (0.01, 0.02))
    monkeypatch.setattr(sender, "LOOK_EVERY", timedelta(seconds=0.1))
    monkeypatch.setattr(webhook, "SCHEDULE", (timedelta(days=1), timedelta(days=1)))


@asynccontextmanager
async def hooked(engine: Engine, **settings: Any) -> AsyncGenerator[tuple[Receiver, WebhookKey]]:
    """Run a worker with a webhook, and its receiver."""
    key = WebhookKey("demo", f"hook-{uuid4().hex[:8]}")
    async with receiving() as receiver:
        hook = {"url": receiver.url, "secrets": [SECRET], **settings}
        workstreams = {"live": {"mode": "live", "queue": "live"}}
        instances = {"demo": {"workstreams": workstreams, "webhooks": {key.name: hook}}}
        async with engine.worker(instances=instances):

            async def begun() -> bool | None:
                return True if await find_webhook(engine.db, key) else None

            await eventually(begun, "the webhook has its position")
            yield receiver, key


async def arrived(receiver: Receiver, conversation: str, kind: str) -> list[dict[str, Any]]:
    """The events of a conversation, once one of this type is there."""

    async def find() -> list[dict[str, Any]] | None:
        found = receiver.of(conversation)
        return found if any(event["type"] == kind for event in found) else None

    return await eventually(find, f"{kind} arrives")


def workflow_of(engine: Engine, key: WebhookKey) -> WorkflowHandle[Any, Any]:
    return engine.client.get_workflow_handle(workflow_id(*key))


async def status_of(engine: Engine, key: WebhookKey, state: str, attempts: int = 0) -> WebhookStatus:
    """What operators see, once the webhook has this state."""

    async def find() -> WebhookStatus | None:
        try:
            found = await workflow_of(engine, key).query("status", result_type=WebhookStatus)
        except RPCError:
            return None
        return found if found.state == state and found.attempts >= attempts else None

    return await eventually(find, f"the webhook is {state}")


async def fail(engine: Engine, receiver: Receiver, key: WebhookKey) -> str:
    """Have a chat, whose events cannot be delivered. Returns its id."""
    receiver.status = 500
    receiver.answer = "no room"
    chat = await engine.start(greeting="hello")
    await status_of(engine, key, "failing")
    return chat.id


async def test_events_of_a_chat_arrive_in_order(engine: Engine) -> None:
    async with hooked(engine) as (receiver, _):
        chat = await engine.start(greeting="hello")
        await chat.assign()
        await chat.send("how are you")
        await chat.end()
        await chat.close()
        events = await arrived(receiver, chat.id, "conversation.closed")
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert events[0]["type"] == "contact.initiated"
        assert [event["type"] for event in events].count("message.created") == 2
        assert "how are you" not in str(events)


async def test_only_wanted_types_arrive_and_texts_on_request(engine: Engine) -> None:
    async with hooked(engine, types=["message"], content=True) as (receiver, _):
        chat = await engine.start(greeting="hello")
        await chat.send("Grüße \U0001f41d")
        await chat.send("end")

        async def all_messages() -> bool | None:
            return True if len(receiver.of(chat.id)) == 3 else None

        await eventually(all_messages, "three messages arrive")
        assert [event["data"]["content"] for event in receiver.of(chat.id)] == ["hello", "Grüße \U0001f41d", "end"]


async def test_contact_events_of_amazon_connect_arrive_signed(engine: Engine) -> None:
    async with hooked(engine, format="eventbridge") as (receiver, _):
        chat = await engine.start(greeting="hello")
        await chat.assign()
        await chat.end()
        await chat.close()

        async def told() -> list[str] | None:
            details = [event["detail"] for event in receiver.events if event["detail"]["contactId"] == chat.id]
            found = [detail["eventType"] for detail in details]
            return found if "COMPLETED" in found else None

        types = await eventually(told, "COMPLETED arrives")
        assert types[0] == "INITIATED"
        assert types[-2:] == ["DISCONNECTED", "COMPLETED"]


async def test_chats_at_once_each_keep_their_order(engine: Engine) -> None:
    async with hooked(engine, max_in_flight=3) as (receiver, _):
        chats = [await engine.start(greeting="0") for _ in range(8)]
        for number in range(1, 4):
            for chat in chats:
                await chat.signal("message", {"id": str(uuid4()), "content": str(number), "by": "customer"})
        for chat in chats:
            await chat.assign()
            await chat.end()
            await chat.close()
        for chat in chats:
            events = await arrived(receiver, chat.id, "conversation.closed")
            assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


async def test_failing_receiver_gets_all_events_once_it_works_again(engine: Engine) -> None:
    async with hooked(engine) as (receiver, key):
        id = await fail(engine, receiver, key)
        first = receiver.attempts[0]
        assert receiver.attempts.count(first) == 3
        found = await find_webhook(engine.db, key)
        assert found
        receiver.status = 204
        await workflow_of(engine, key).signal("retry_now")
        events = await arrived(receiver, id, "message.created")
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert await workflow_of(engine, key).result() == "delivered"

        async def sending() -> bool | None:
            found = await find_webhook(engine.db, key)
            return True if found and found.state is WebhookState.SENDING else None

        await eventually(sending, "the worker sends again")


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


async def test_log_has_the_status_of_an_answer_and_not_its_text(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """A receiver can quote what it was sent."""
    async with hooked(engine) as (receiver, key):
        await fail(engine, receiver, key)
        assert f"{key.name} of demo fails: it answers 500" in caplog.text
        assert "no room" not in caplog.text


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


async def test_event_that_is_skipped_while_the_webhook_is_paused_is_passed_over(engine: Engine) -> None:
    async with hooked(engine) as (receiver, key):
        id = await fail(engine, receiver, key)
        for signal in ("pause", "skip"):
            await workflow_of(engine, key).signal(signal)
        await status_of(engine, key, "paused")
        receiver.status = 200
        await workflow_of(engine, key).signal("resume")
        events = await arrived(receiver, id, "message.created")
        assert [event["seq"] for event in events] == list(range(2, len(events) + 2))


async def test_skipped_event_is_passed_over(engine: Engine) -> None:
    async with hooked(engine) as (receiver, key):
        id = await fail(engine, receiver, key)
        receiver.status = 200
        await workflow_of(engine, key).signal("skip")
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


async def test_looks_without_events_write_nothing(engine: Engine) -> None:
    async with hooked(engine) as (receiver, _):
        chat = await engine.start(greeting="hello")
        await arrived(receiver, chat.id, "message.created")
        writes: list[str] = []

        def note(connection: object, cursor: object, statement: str, *_: object) -> None:
            if "webhooks" in statement and not statement.startswith("SELECT"):
                writes.append(statement)

        async def has_settled() -> bool | None:
            before = len(writes)
            for _ in range(5):
                await engine.db.rows(select(literal(1)))
                await asyncio.sleep(
                    2 * sender.LOOK_EVERY.total_seconds()
                )  # time for looks: the very thing that is tested
            return True if len(writes) == before else None

        event.listen(engine.db.engine, "before_cursor_execute", note)
        await eventually(has_settled, "looks write nothing")
        event.remove(engine.db.engine, "before_cursor_execute", note)


async def test_wrong_signals_by_hand_change_nothing(engine: Engine) -> None:
    async with hooked(engine) as (receiver, key):
        await fail(engine, receiver, key)
        handle = workflow_of(engine, key)
        for name, args in (("retry_now", [1, 2]), ("unknown", ["x"]), ("pause", [{"a": 1}])):
            await handle.signal(name, args=args)
        await status_of(engine, key, "paused")
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING


async def test_conversations_do_not_wait_for_a_receiver(engine: Engine) -> None:
    async with hooked(engine) as (receiver, key):
        await fail(engine, receiver, key)
        chat = await engine.start(greeting="hello")
        await chat.send("goes on")
        assert await chat.assign() is None


async def test_replay_sends_events_again(engine: Engine) -> None:
    async with hooked(engine) as (receiver, key):
        before = await find_webhook(engine.db, key)
        assert before
        chat = await engine.start(greeting="hello")
        first = await arrived(receiver, chat.id, "message.created")

        async def moved() -> bool | None:
            found = await find_webhook(engine.db, key)
            return True if found and found.position > before.position else None

        await eventually(moved, "the webhook has moved on")
        count = len(receiver.events)
        assert await replay_webhook(engine.db, key, before.position)

        async def again() -> bool | None:
            return True if len(receiver.events) >= 2 * count else None

        await eventually(again, "all events arrive again")
        assert await start_of_feed(engine.db, "demo") <= before.position
        assert {event["id"] for event in receiver.events if event["conversation"] == chat.id} >= {
            event["id"] for event in first
        }


async def test_redirect_is_a_failure(engine: Engine) -> None:
    async with hooked(engine) as (receiver, key):
        receiver.status, receiver.headers = 307, {"location": receiver.url}
        await engine.start(greeting="hello")
        await status_of(engine, key, "failing")
        assert not receiver.events
