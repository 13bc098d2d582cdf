"""Streams of chats: the items of a transcript reach a topic in order and at least once, whatever fails."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from sqlalchemy import event
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from domain.webhooks import WebhookState
from runtime.bus import Announcement, LocalBus, stream_has_changed
from store.streams import NewStream, start_stream, stop_stream
from store.webhooks import WebhookKey, find_webhook
from tests.webhooks.receiver import SECRET
from tests.webhooks.subscriber import Subscriber, subscribing
from tests.workflows.engine import Chat, Engine, eventually
from webhooks import sender
from wire.frames import CHAT_ENDED, TYPING
from workflows import webhook
from workflows.webhook_contract import WebhookStatus, workflow_id


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "PAUSES", (0.01, 0.02))
    monkeypatch.setattr(sender, "LOOK_EVERY", timedelta(seconds=0.1))
    monkeypatch.setattr(webhook, "SCHEDULE", (timedelta(days=1), timedelta(days=1)))


class Topic(NamedTuple):
    """A topic, what subscribes to it, and the bus of the worker that sends."""

    engine: Engine
    key: WebhookKey
    subscriber: Subscriber
    bus: LocalBus

    async def stream(self, chat: Chat, *, whole: bool = False) -> str:
        """Stream a chat to the topic, as the API does."""
        new = NewStream(str(uuid4()), chat.id, self.key.instance, self.key.name, whole)
        id = await start_stream(self.engine.db, new, datetime.now(UTC))
        assert id
        await self.bus.announce(stream_has_changed(*self.key, chat.id, id))
        return id

    async def arrived(self, chat: Chat, last: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """The items of a chat, once one for which `last` is true is there."""

        async def find() -> list[dict[str, Any]] | None:
            found = self.subscriber.items(chat.id)
            return found if any(map(last, found)) else None

        return await eventually(find, "the last item arrives")

    async def ended(self, chat: Chat) -> list[dict[str, Any]]:
        """The items of a chat, once it has ended."""
        return await self.arrived(chat, lambda item: item["ContentType"] == CHAT_ENDED)

    def workflow(self) -> WorkflowHandle[Any, Any]:
        return self.engine.client.get_workflow_handle(workflow_id(*self.key))

    async def status(self, state: str, attempts: int = 0) -> WebhookStatus:
        """What operators see, once the topic has this state."""

        async def find() -> WebhookStatus | None:
            try:
                found = await self.workflow().query("status", result_type=WebhookStatus)
            except RPCError:
                return None
            return found if found.state == state and found.attempts >= attempts else None

        return await eventually(find, f"the topic is {state}")


@asynccontextmanager
async def working(
    engine: Engine, key: WebhookKey, subscriber: Subscriber, other: WebhookKey | None = None, **settings: Any
) -> AsyncGenerator[Topic]:
    """Run a worker with a topic, and perhaps another one that has the same subscriber."""
    bus = LocalBus()
    workstreams = {"live": {"mode": "live", "queue": "live"}}
    topic = {"url": subscriber.url, "secrets": [SECRET], **settings}
    topics = {each.name: topic for each in (key, other) if each}
    instances = {key.instance: {"workstreams": workstreams, "topics": topics}}
    async with engine.worker(instances=instances, bus=bus):
        yield Topic(engine, key, subscriber, bus)


def new_topic() -> WebhookKey:
    return WebhookKey("demo", f"arn:aws:sns:us-east-1:123456789012:chat-{uuid4().hex[:8]}")


@asynccontextmanager
async def subscribed(engine: Engine, **settings: Any) -> AsyncGenerator[Topic]:
    """Run a worker with a new topic, and what subscribes to it."""
    async with subscribing() as subscriber, working(engine, new_topic(), subscriber, **settings) as topic:
        yield topic


async def begun(engine: Engine, greeting: str = "hello") -> Chat:
    """A chat that has its first item."""
    chat = await engine.start(greeting=greeting)

    async def find() -> bool | None:
        return True if greeting in await chat.contents() else None

    await eventually(find, "the greeting is recorded")
    return chat


async def ids_of(chat: Chat) -> list[str]:
    """The ids of the transcript, up to the end of the chat."""
    return [item.id for item in await chat.items()]


async def test_the_transcript_arrives_in_order_up_to_its_end(engine: Engine) -> None:
    async with subscribed(engine) as topic:
        chat = await begun(engine)
        await topic.stream(chat, whole=True)
        await chat.assign()
        for number in range(120):
            await chat.signal("message", {"id": str(uuid4()), "content": str(number), "by": "customer"})
        await chat.send("last")
        await chat.end("operator")
        found = await topic.ended(chat)
        assert [item["Id"] for item in found] == await ids_of(chat)
        assert {"joined", "left"} <= {item["ContentType"].rpartition(".")[2] for item in found}


async def test_a_stream_begins_after_its_start_and_ends_with_its_stop(engine: Engine) -> None:
    async with subscribed(engine) as topic:
        chat = await begun(engine)
        id = await topic.stream(chat)
        await chat.send("streamed")
        assert await stop_stream(engine.db, chat.id, id, datetime.now(UTC)) == topic.key.name
        await chat.send("not streamed")
        again = await topic.stream(chat)
        assert again != id
        await chat.send("again")
        found = await topic.arrived(chat, lambda item: item.get("Content") == "again")
        assert [item["Content"] for item in found if "Content" in item] == ["streamed", "again"]


async def test_what_a_dead_subscriber_missed_comes_later_and_nobody_waits(engine: Engine) -> None:
    async with subscribed(engine) as topic:
        topic.subscriber.status = 503
        chat = await begun(engine)
        await topic.stream(chat, whole=True)
        status = await topic.status("failing")
        assert topic.subscriber.attempts.count(topic.subscriber.attempts[0]) >= 3
        assert status.state == "failing"
        await chat.send("goes on")
        await chat.assign()
        await chat.end("operator")
        topic.subscriber.status = 200
        await topic.workflow().signal("retry_now")
        assert [item["Id"] for item in await topic.ended(chat)] == await ids_of(chat)
        assert await topic.workflow().result() == "delivered"


async def test_a_skipped_item_is_passed_over(engine: Engine) -> None:
    async with subscribed(engine) as topic:
        topic.subscriber.status = 500
        chat = await begun(engine)
        await topic.stream(chat, whole=True)
        await topic.status("failing")
        topic.subscriber.status = 200
        await topic.workflow().signal("skip")
        await chat.end("operator")
        assert [item["Id"] for item in await topic.ended(chat)] == (await ids_of(chat))[1:]


async def test_a_subscriber_that_is_gone_disables_the_topic(engine: Engine) -> None:
    async with subscribed(engine) as topic:
        topic.subscriber.status = 410
        await topic.stream(await begun(engine), whole=True)
        await topic.status("failing")
        await topic.workflow().signal("retry_now")
        assert (await topic.status("disabled")).next_try is None


async def test_one_failure_in_three_and_a_new_worker_lose_and_reorder_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "SCHEDULE", (timedelta(seconds=0.05),) * 100)
    async with subscribing() as subscriber:
        key, chats = new_topic(), list[Chat]()
        subscriber.fails_every = 3
        for start in range(3):
            async with working(engine, key, subscriber) as topic:
                if start == 0:
                    chats = [await begun(engine) for _ in range(4)]
                    for chat in chats:
                        await topic.stream(chat, whole=True)
                for number in range(4):
                    for chat in chats:
                        body = {"id": str(uuid4()), "content": f"{start}-{number}", "by": "customer"}
                        await chat.signal("message", body)
                for chat in chats:
                    await chat.send(f"end of {start}")
        async with working(engine, key, subscriber) as topic:
            for chat in chats:
                await chat.end("operator")
                assert [item["Id"] for item in await topic.ended(chat)] == await ids_of(chat)


async def test_two_topics_and_many_chats_each_get_their_own(engine: Engine) -> None:
    key, other = new_topic(), new_topic()
    async with subscribing() as subscriber, working(engine, key, subscriber, other, max_in_flight=2) as topic:
        chats = [await begun(engine) for _ in range(5)]
        for chat in chats:
            await topic.stream(chat, whole=True)
        await topic._replace(key=other).stream(chats[0], whole=True)
        for chat in chats:
            await chat.end("operator")
        for chat in chats[1:]:
            assert [item["Id"] for item in await topic.ended(chat)] == await ids_of(chat)
        expected = await ids_of(chats[0])

        async def both() -> list[dict[str, Any]] | None:
            found = subscriber.of(chats[0].id)
            return found if len({each["MessageId"] for each in found}) == 2 * len(expected) else None

        found = await eventually(both, "all items arrive at both topics")
        for each in (key, other):
            own = [json.loads(item["Message"])["Id"] for item in found if item["TopicArn"] == each.name]
            assert own == expected
        assert {each["TopicArn"] for each in subscriber.of(chats[1].id)} == {key.name}


async def test_typing_arrives_while_the_stream_goes_on_and_not_after_its_stop(engine: Engine) -> None:
    async with subscribed(engine) as topic:
        chat = await begun(engine)
        id = await topic.stream(chat, whole=True)
        await topic.arrived(chat, lambda item: item.get("Content") == "hello")
        for only_to, visibility in ((None, "ALL"), (f"{chat.id}-customer", "CUSTOMER"), ("somebody", "AGENT")):
            await topic.bus.announce(_typing(chat, only_to))
            await topic.arrived(chat, lambda item, typist=only_to: item.get("DisplayName") == f"{typist} types")
            found = [each for each in topic.subscriber.of(chat.id) if f"{only_to} types" in each["Message"]]
            attributes = {name: each["Value"] for name, each in found[-1]["MessageAttributes"].items()}
            assert (attributes["ContentType"], attributes["MessageVisibility"]) == (TYPING, visibility)
        await stop_stream(engine.db, chat.id, id, datetime.now(UTC))
        await topic.bus.announce(stream_has_changed(*topic.key, chat.id, None))
        await topic.bus.announce(_typing(chat, "nobody"))
        await topic.stream(chat)
        await chat.send("later")
        await topic.arrived(chat, lambda item: item.get("Content") == "later")
        assert "nobody types" not in str(topic.subscriber.notifications)


def _typing(chat: Chat, only_to: str | None) -> Announcement:
    frame = {"Id": str(uuid4()), "AbsoluteTime": "2026-03-02T09:15:04.120Z", "Type": "EVENT", "ContentType": TYPING}
    ids = {"InitialContactId": chat.id, "ContactId": chat.id, "DisplayName": f"{only_to} types"}
    return Announcement(chat.id, {**frame, **ids}, only_to=only_to)


async def test_a_topic_that_failed_sends_again(engine: Engine) -> None:
    async with subscribed(engine) as topic:
        topic.subscriber.status = 500
        chat = await begun(engine)
        await topic.stream(chat, whole=True)
        await topic.status("failing")
        topic.subscriber.status = 200
        await topic.workflow().signal("retry_now")

        async def sending() -> bool | None:
            found = await find_webhook(engine.db, topic.key)
            return True if found and found.state is WebhookState.SENDING else None

        await eventually(sending, "the worker sends again")
        await chat.send("after it")
        await topic.arrived(chat, lambda item: item.get("Content") == "after it")


async def test_a_chat_without_a_stream_causes_no_statement_about_streams(engine: Engine) -> None:
    async with subscribed(engine) as topic:
        streamed, chat = await begun(engine), await begun(engine)
        await topic.stream(streamed, whole=True)
        about: list[str] = []

        def note(connection: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
            if "streams" in statement and chat.id in str(parameters):
                about.append(statement)

        event.listen(engine.db.engine, "before_cursor_execute", note)
        try:
            for each in (chat, streamed):
                await each.send("a message")
            await topic.arrived(streamed, lambda item: item.get("Content") == "a message")
        finally:
            event.remove(engine.db.engine, "before_cursor_execute", note)
        assert about == []
