"""A subscriber of a topic: an HTTP server that reads notifications as clients of SNS do, and verifies their signature."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from threading import Thread
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from tests.webhooks.receiver import SECRET


class Subscriber:
    """What has arrived, and how the next requests are answered.

    Attributes:
        notifications: those that were answered with success, in the order of their arrival.
        attempts: all requests, by `MessageId`.
        status: of the answers.
        fails_every: every so many requests are answered with 500; 0: none.
    """

    def __init__(self) -> None:
        self.url = ""
        self.notifications: list[dict[str, Any]] = []
        self.attempts: list[str] = []
        self.status = 200
        self.fails_every = 0

    async def receive(self, request: web.Request) -> web.Response:
        """Verify a notification, compare its headers with it, and answer."""
        body = await request.read()
        found: dict[str, Any] = Webhook(SECRET).verify(body, dict(request.headers))
        assert request.content_type == "text/plain"
        assert request.headers["x-amz-sns-message-type"] == found["Type"] == "Notification"
        assert request.headers["x-amz-sns-message-id"] == request.headers["webhook-id"] == found["MessageId"]
        assert request.headers["x-amz-sns-topic-arn"] == found["TopicArn"]
        assert request.headers["x-amz-sns-subscription-arn"].startswith(f"{found['TopicArn']}:")
        self.attempts.append(found["MessageId"])
        if self.fails_every and len(self.attempts) % self.fails_every == 0:
            return web.Response(status=500)
        if self.status < 300:
            self.notifications.append(found)
        return web.Response(status=self.status)

    def items(self, conversation: str) -> list[dict[str, Any]]:
        """The items of a chat, each once, in the order of their first arrival."""
        first: dict[str, dict[str, Any]] = {}
        for each in self.notifications:
            first.setdefault(each["MessageId"], json.loads(each["Message"]))
        return [item for item in first.values() if item["InitialContactId"] == conversation]

    def of(self, conversation: str) -> list[dict[str, Any]]:
        """The notifications of a chat, as they have arrived."""
        return [
            each
            for each in self.notifications
            if each["MessageAttributes"]["InitialContactId"]["Value"] == conversation
        ]


@asynccontextmanager
async def subscribing(port: int = 0) -> AsyncGenerator[Subscriber]:
    """Run a subscriber; 0: on a free port."""
    subscriber = Subscriber()
    app = web.Application()
    app.router.add_post("/sns", subscriber.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    host, port = runner.addresses[0][:2]
    subscriber.url = f"http://{host}:{port}/sns"
    yield subscriber
    await runner.cleanup()


@contextmanager
def subscribing_aside(port: int = 0) -> Generator[Subscriber]:
    """Run a subscriber in a thread of its own, for tests that are not asynchronous."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    running = subscribing(port)
    try:
        yield asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
