"""Followers of the events: a reader of the feed, and a receiver of the webhook, which refuses some events at first."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any
from zlib import crc32

from aiohttp import web

from chaos.calls import BACKEND, Caller
from chaos.journal import FollowedEvent, Journal
from chaos.pace import Pace
from chaos.proxy import HOST
from chaos.settings import INSTANCE

PAGE = 500
WAIT_SECONDS = 3
CAUGHT_UP_SECONDS = 240.0


class FeedReader:
    """Follows the feed from its beginning, with each page from another API process."""

    def __init__(self, caller: Caller, journal: Journal) -> None:
        self._caller, self._journal = caller, journal
        self._position = ""
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stop reading."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def finish(self) -> None:
        """Read all that there is."""
        await self.stop()
        while await self._read(0):
            pass

    async def _follow(self) -> None:
        while True:
            await self._read(WAIT_SECONDS)

    async def _read(self, wait: int) -> bool:
        after = f"&after={self._position}" if self._position else ""
        path = f"/v1/events?instance={INSTANCE}&limit={PAGE}&wait={wait}{after}"
        answer = await self._caller.ask("GET", path, **BACKEND)
        if not answer.is_good:
            self._journal.stuck.append(f"the feed answers {answer.status}: {answer.body}")
            await asyncio.sleep(1)
            return False
        self._journal.followed += map(_event, answer.body["events"])
        self._position = answer.body["next"]
        return bool(answer.body["events"])


class WebhookReceiver:
    """Receives the webhook on a port of this machine, without a link. At the usual pace it first refuses each third event."""

    def __init__(self, port: int, journal: Journal, pace: Pace) -> None:
        self._port, self._journal = port, journal
        # a chat waits for each refused event: people who write faster would leave the webhook behind
        self._refused_of = round(3 * pace.haste)
        self._failed: set[str] = set()
        self._missing: set[FollowedEvent] = set()
        self._complete = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def begin(self) -> None:
        """Begin to listen."""
        app = web.Application()
        app.router.add_post("/hook", self._receive)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()

    async def finish(self) -> None:
        """Wait until all events that the feed has shown are received."""
        self._missing = {*self._journal.followed} - {*self._journal.received}
        if self._missing:
            self._complete.clear()  # until now none was known to be missing
            with suppress(TimeoutError):
                await asyncio.wait_for(self._complete.wait(), CAUGHT_UP_SECONDS)

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner:
            await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        try:
            event = _event(json.loads(await request.read()))
        except ConnectionError:  # its worker was killed
            return web.Response(status=503)
        key = f"{event.chat} {event.seq}"
        if crc32(key.encode()) % self._refused_of == 0 and key not in self._failed:
            self._failed.add(key)
            return web.Response(status=503)
        self._journal.received.append(event)
        self._missing.discard(event)
        if not self._missing:
            self._complete.set()
        return web.Response()


def _event(shown: dict[str, Any]) -> FollowedEvent:
    subject = shown["conversation"] or f"agent {shown['subject']}"
    return FollowedEvent(subject, shown["seq"], shown["type"], shown["id"])
