"""Webhooks: events arrive signed and in order, whatever becomes of a receiver, and no chat waits for one."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import event, literal, select

from domain.webhooks import WebhookState
from store.feed import start_of_feed
from store.webhooks import find_webhook, replay_webhook
from tests.workflows.engine import Engine, eventually
from tests.workflows.webhook_scene import arrived, fail, hooked, status_of, workflow_of
from webhooks import sender

pytestmark = pytest.mark.usefixtures("quick_webhooks")


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


async def test_log_has_the_status_of_an_answer_and_not_its_text(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """A receiver can quote what it was sent."""
    async with hooked(engine) as (receiver, key):
        await fail(engine, receiver, key)
        assert f"{key.name} of demo fails: it answers 500" in caplog.text
        assert "no room" not in caplog.text


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
