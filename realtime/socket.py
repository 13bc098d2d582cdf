"""One WebSocket: a reader, a writer, and the bounded queue of frames between the feeds and the writer."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from sys import getsizeof
from typing import NamedTuple

from starlette.websockets import WebSocket, WebSocketDisconnect

from runtime.metrics import DONE_CODE, HANDED_OVER_CODE, TOO_SLOW_CODE, SocketMetrics

logger = logging.getLogger(__name__)

MAX_QUEUED_BYTES = 2_000_000
"""How many bytes of frames may wait for a socket before it is closed. Its client reconnects and resumes after its last frame."""

SEND_SECONDS = 20.0
"""How long a client may take to read one frame, or to make room for an answer. Then its socket is closed."""

CLOSE_TIMEOUT_SECONDS = 5.0
"""Time for a client to close its socket after the last frame; then the server closes it. ChatJS closes it at once."""


SILENT_SINCE = "silent_since"
"""The key in the event `websocket.disconnect` with the last sign of life of a client that answers no pings any more."""


class CloseReason(NamedTuple):
    """The code and text with which the server closes a socket."""

    code: int
    text: str = ""


DONE = CloseReason(DONE_CODE)
HANDED_OVER = CloseReason(HANDED_OVER_CODE)
"""The process stops. The client connects again at once, to another process."""
TOO_SLOW = CloseReason(TOO_SLOW_CODE, "it lags too far behind")
"""The client may reconnect at once."""
UNUSED = CloseReason(1008, "it has no subscription")
TOKEN_EXPIRED = CloseReason(4001, "the agent token has expired")
"""The client needs a new token."""
AGENT_REMOVED = CloseReason(4003, "the agent does not exist any more")
"""The client must not reconnect."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Text for one socket."""

    text: str
    seq: int = 0
    """The number of the transcript item in the frame; 0 if there is none."""
    last: bool = False
    """Whether it is the last frame: the socket is closed after it."""
    accepted_at: datetime | None = None
    """When the message in the frame was accepted (UTC), for the metrics; None without a new message."""
    on_sent: Callable[[], None] | None = None
    """Called when the frame was written to the socket."""


class FrameQueue:
    """The frames that wait for one socket, in order."""

    def __init__(self, on_overflow: Callable[[], None], max_bytes: int = MAX_QUEUED_BYTES) -> None:
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._max_bytes = max_bytes
        self._filled, self._taken = asyncio.Event(), asyncio.Event()
        self._on_overflow = on_overflow
        self._is_closed = False
        self.sent = 0
        """The highest `seq` of a frame that was passed to the connection. The client may not have received it."""

    def put(self, frame: Frame) -> None:
        """Queue a frame without waiting. Calls `on_overflow` instead if there is no room. One frame always has room."""
        if self._is_closed:
            return
        if not self.has_room(frame):
            self._on_overflow()
            return
        self._frames.append(frame)
        self._bytes += getsizeof(frame.text)
        self._filled.set()

    async def reply(self, frame: Frame) -> None:
        """Queue the answer to a frame of the client. Waits for room, so that a client cannot overflow its own queue.

        Waits no longer than `SEND_SECONDS`; then it calls `on_overflow`.
        """
        if not self.has_room(frame):
            with suppress(TimeoutError):
                async with asyncio.timeout(SEND_SECONDS):
                    while not self.has_room(frame):
                        self._taken.clear()
                        await self._taken.wait()
        self.put(frame)

    async def get(self) -> Frame:
        """Wait for the next frame and take it out of the queue."""
        while not self._frames:
            self._filled.clear()
            await self._filled.wait()
        frame = self._frames.popleft()
        self._bytes -= getsizeof(frame.text)
        self._taken.set()
        return frame

    def has_room(self, frame: Frame) -> bool:
        """Whether a frame need not wait. An empty queue has room for any frame, and a closed one takes and drops all."""
        return self._is_closed or not self._frames or self._bytes + getsizeof(frame.text) <= self._max_bytes

    def empty(self) -> bool:
        """Whether no frame waits."""
        return not self._frames

    def close(self) -> None:
        """Drop the waiting frames and all later ones. Ends a `reply` that waits for room."""
        self._is_closed = True
        self._frames.clear()
        self._bytes = 0
        self._taken.set()


class ClientSocket:
    """One socket of a client. One task reads, one other task writes."""

    def __init__(
        self, websocket: WebSocket, client: str, metrics: SocketMetrics, max_bytes: int = MAX_QUEUED_BYTES
    ) -> None:
        """Prepare a socket that is not yet accepted.

        Args:
            websocket: the connection.
            client: the name of the client, for the log.
            metrics: the metrics of the sockets of such clients.
            max_bytes: how many bytes of frames may wait before the socket is closed.
        """
        self._websocket = websocket
        self._client = client
        self._metrics = metrics
        self._writer: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._reading: asyncio.Timeout | None = None
        self.silent_since: datetime | None = None
        """The last sign of life of a client that has fallen silent; None of all others."""
        self.frames = FrameQueue(lambda: self.close(TOO_SLOW), max_bytes)

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None, None]:
        """Accept the socket, and send the queued frames until the block ends."""
        await self._websocket.accept()
        self._writer = asyncio.create_task(self._write())
        self._metrics.open.inc()
        try:
            yield
        finally:
            self._metrics.open.dec()
            self._writer.cancel()
            if self._closing:
                await asyncio.wait([self._closing])

    async def read(
        self, receive: Callable[[str | None], Awaitable[None]], *, expires_at: datetime | None = None
    ) -> None:
        """Pass each frame of the client to `receive` until either side closes the socket.

        Args:
            receive: the handler of a frame's text; None is a binary frame.
            expires_at: when the client's token expires: then the socket is closed with `TOKEN_EXPIRED`. None: never.
        """
        remaining = expires_at and (expires_at - datetime.now(UTC)).total_seconds()
        expiry = asyncio.timeout(remaining)
        try:
            async with expiry:
                self._reading = expiry
                if self._closing:  # before it began to read
                    self._end_reading()
                while (message := await self._websocket.receive())["type"] != "websocket.disconnect":
                    await receive(message.get("text"))
                self.silent_since = message.get(SILENT_SINCE)
        except TimeoutError:
            if not expiry.expired():  # a timeout in `receive`
                raise
            self.close(TOKEN_EXPIRED)  # does nothing when it is closed already, and its client has not answered
        except WebSocketDisconnect:
            pass
        finally:
            self._reading = None

    def close(self, reason: CloseReason = DONE) -> None:
        """Close the socket soon, without sending the queued frames. Repeated calls do nothing."""
        if self._closing:
            return
        if reason.text:
            logger.info("the socket of %s is closed: %s", self._client, reason.text)
        self._metrics.count_close(reason.code)
        self.frames.close()
        if self._writer:
            self._writer.cancel()
        self._closing = asyncio.create_task(self._close(reason))
        self._end_reading()

    async def hand_over(self) -> None:
        """Close the socket because this process stops."""
        self.close(HANDED_OVER)

    def _end_reading(self) -> None:
        """Read no longer than the client may take to close the socket. Its participant would count as connected for ever."""
        if self._reading and not self._reading.expired():
            limit = asyncio.get_running_loop().time() + CLOSE_TIMEOUT_SECONDS
            self._reading.reschedule(min(limit, self._reading.when() or limit))

    async def _close(self, reason: CloseReason) -> None:
        # a client that is already gone needs no close, and one that does not read gets none
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await self._websocket.close(reason.code, reason.text)

    async def _write(self) -> None:
        try:
            while not (frame := await self.frames.get()).last:
                await self._send(frame)
            await self._send(frame)
        except TimeoutError:
            self.close(TOO_SLOW)
            return
        except (WebSocketDisconnect, RuntimeError):
            self.frames.close()  # the reader sees the end of the connection, too, unless it waits for room
            return
        await asyncio.sleep(CLOSE_TIMEOUT_SECONDS)
        self.close()

    async def _send(self, frame: Frame) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self._websocket.send_text(frame.text)
        self.frames.sent = max(self.frames.sent, frame.seq)
        self._metrics.frames.inc()
        if frame.accepted_at:
            self._metrics.frame_lag_seconds.observe((datetime.now(UTC) - frame.accepted_at).total_seconds())
        if frame.on_sent:
            frame.on_sent()
