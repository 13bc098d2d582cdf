"""A receiver of webhooks: an HTTP server that verifies what it gets, with the library of Standard Webhooks."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

SECRET = "whsec_" + b64encode(b"the secret of the receiver").decode()


class Receiver:
    """What has arrived, and how the next requests are answered.

    Attributes:
        events: those that were answered with success, in the order of their arrival.
        attempts: all requests, by the id of the event.
        status: of the answers.
        headers: of the answers.
        released: when an answer is given; None: at once.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.events: list[dict[str, Any]] = []
        self.attempts: list[str] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.answer = ""
        self.released: asyncio.Event | None = None

    async def receive(self, request: web.Request) -> web.Response:
        """Verify a request, and answer it."""
        body = await request.read()
        event = Webhook(SECRET).verify(body, dict(request.headers))
        assert request.headers["webhook-id"] == event["id"]
        self.attempts.append(event["id"])
        if self.released:
            await self.released.wait()
        if self.status < 300:
            self.events.append(event)
        return web.Response(status=self.status, headers=self.headers, text=self.answer)

    def of(self, conversation: str) -> list[dict[str, Any]]:
        """The events of a conversation, each once, in the order of their first arrival."""
        found = {event["id"] + event["type"]: event for event in reversed(self.events)}
        ordered = sorted(found.values(), key=self.events.index)
        return [event for event in ordered if event["conversation"] == conversation]


@asynccontextmanager
async def receiving() -> AsyncGenerator[Receiver]:
    """Run a receiver on a free port."""
    receiver = Receiver("")
    app = web.Application()
    app.router.add_post("/hook", receiver.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/hook"
    yield receiver
    await runner.cleanup()
