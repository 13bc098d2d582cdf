"""The socket of a participant. When it is lost, it is opened again, and the transcript is read for what was missed."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from time import time

import aiohttp

from chaos.calls import NO_ANSWER, Seated
from chaos.journal import Journal, ShownFrame, SocketRecord

HEARTBEAT_SECONDS = 3.0
SILENT_SECONDS = 8.0
"""A socket on which nothing arrives for so long, not even the answer to a heartbeat, is dead."""
SUBSCRIBE_SECONDS = 5.0
AGAIN = (0.1, 1.0)
CHAT_ENDED = "application/vnd.amazonaws.connect.event.chat.ended"
FAILED = (*NO_ANSWER, TypeError)
"""What a lost socket raises. aiohttp raises a TypeError for a frame that ends the connection."""


class StayingSocket:
    """The socket of a participant, for as long as they want to be in the chat."""

    def __init__(self, seat: Seated, chat: str, participant: str, role: str, journal: Journal) -> None:
        self.over = asyncio.Event()
        """Whether the chat has ended for the participant."""
        self.opened = asyncio.Event()
        """Whether a socket was subscribed and the transcript read."""
        self._seat, self._journal = seat, journal
        self._names = chat, participant, role
        self.has_left = False
        """Whether the participant has closed it for good."""
        self.past: list[str] | None = None
        """The ids of the items of the past that the chat continues, oldest first; None until they are read."""
        self._known: set[str] = set()
        self._whole: set[str] = set()
        """Known items before which none is missing: a socket whose client did not get to read adds none."""
        self._record: SocketRecord | None = None
        self._connection: aiohttp.ClientWebSocketResponse | None = None
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._arrived = asyncio.Condition()
        self._task = asyncio.create_task(self._stay())

    @property
    def is_open(self) -> bool:
        """Whether a subscribed socket is open."""
        return self._record is not None and self._record.closed is None

    async def drop(self) -> None:
        """Close the socket, and open none until `come_back`."""
        self._wanted.clear()
        self.opened.clear()
        if self._record and self._record.closed is None:
            self._record.closed = time()
        if self._connection:
            with suppress(*FAILED):
                await self._connection.close()

    def come_back(self) -> None:
        """Open a socket again."""
        self._wanted.set()

    async def leave(self) -> None:
        """Close the socket for good."""
        self.has_left = True
        await self.drop()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def shows(self, id: str) -> None:
        """Wait until an item has arrived or was read."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: id in self._known)

    async def _stay(self) -> None:
        while not self.over.is_set():
            await self._wanted.wait()
            await self._open_and_read()
            await asyncio.sleep(self._seat.caller.random.uniform(*AGAIN))

    async def _open_and_read(self) -> None:
        url = await self._seat.connect()
        if url is None:
            self.over.set()
            return
        if not self._wanted.is_set():
            return
        try:
            timeout = aiohttp.ClientWSTimeout(ws_close=1.0)  # pyright: ignore[reportCallIssue] - an attrs class
            async with asyncio.timeout(SUBSCRIBE_SECONDS):
                connection = await self._seat.caller.session.ws_connect(url, max_msg_size=0, timeout=timeout)
                self._connection = connection
                await connection.send_str('{"topic": "aws/subscribe", "content": {"topics": ["aws/chat"]}}')
                answer = await connection.receive_json()
            if answer["content"]["status"] != "success":
                return
        except FAILED:
            await self._close()
            return
        await self._serve(connection)

    async def _serve(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        record = SocketRecord(*self._names, subscribed=time())
        record.signs.append(record.subscribed)
        whole = frozenset(self._whole)
        if not self._wanted.is_set():
            await self._close()
            return
        self._record = record
        self._journal.sockets.append(record)
        tasks = [asyncio.create_task(each) for each in (self._beat(connection, record), self._catch_up(record, whole))]
        try:
            await self._read(connection, record)
        finally:
            if record.closed is None:
                record.closed = time()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()

    async def _read(self, connection: aiohttp.ClientWebSocketResponse, record: SocketRecord) -> None:
        with suppress(*FAILED):
            async for message in connection:
                if record.closed is not None or message.type is not aiohttp.WSMsgType.TEXT:
                    return
                now = time()
                record.signs.append(now)
                frame = json.loads(message.data)
                if frame["topic"] != "aws/chat":
                    continue
                item = json.loads(frame["content"])
                record.frames.append(ShownFrame(item["Id"], item["Type"], item["ContentType"], now))
                if record.read is not None:
                    self._whole.add(item["Id"])
                await self._note(item["Id"])
                if item["ContentType"] == CHAT_ENDED:
                    record.ended = True
                    self.over.set()

    async def _note(self, *ids: str) -> None:
        self._known.update(ids)
        async with self._arrived:
            self._arrived.notify_all()

    async def _catch_up(self, record: SocketRecord, whole: frozenset[str]) -> None:
        items = await self._seat.transcript(stop_at=whole)
        if items is None:
            return
        if not whole:
            self.past = [item["Id"] for item in reversed(items) if "RelatedContactId" in item]
        record.read = [item["Id"] for item in reversed(items) if "RelatedContactId" not in item]
        self._whole |= {*record.read, *(frame.id for frame in record.frames)}
        await self._note(*record.read)
        self.opened.set()

    async def _beat(self, connection: aiohttp.ClientWebSocketResponse, record: SocketRecord) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            if time() - record.signs[-1] > SILENT_SECONDS:
                record.closed = record.signs[-1]
                await self._close()
                return
            with suppress(*FAILED):
                await connection.send_str('{"topic": "aws/heartbeat"}')

    async def _close(self) -> None:
        if self._connection:
            with suppress(*FAILED):
                await self._connection.close()
        self._connection = None
