"""uvicorn's HTTP protocol on `httptools`, with limits: how long a request may take, how large its head is, who reads the answers.

uvicorn limits none of these. Without them connections that send half a request, or never read their answer, stay for ever, and
a head without end takes memory and time from all others.
"""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from functools import partial
from socket import IPPROTO_TCP, TCP_NOTSENT_LOWAT, socket
from typing import Any, cast

from api.connection_ends import EndingProtocol
from api.connection_limits import RELEASE, IdleConnections, UnreadAnswers
from api.protocol_refusals import refusal

MAX_HEAD_BYTES = 16_384
"""Of the request line and the headers together, and likewise of the trailers."""

MAX_HEADERS = 100

REQUEST_SECONDS = 20.0
"""How long a new connection may take until its first byte, and a request until its last one. A request that keeps to
`BYTES_PER_SECOND` may take longer."""

BYTES_PER_SECOND = 1_000
"""The slowest rate of a request, in each `REQUEST_SECONDS`. What a client has sent before buys no time for later."""

DISCARDED_BYTES = 1_000_000
"""How much of a body is read after the answer, which did not need it. A client that sends more has its connection ended."""

READ_SECONDS = 30.0
"""In this time a client reads some of an answer that waits for it."""

UNSENT_BYTES = 16_384
"""How much of an answer the system may take before the client can receive it. It takes megabytes by default: then nobody could
see whether a client reads."""

_INCOMPLETE = "The request did not arrive in time."
_LARGE_HEAD = "The head of the request is too large."


def measure_readers(listening: socket) -> None:
    """Have the system take no more of an answer than `UNSENT_BYTES`, on all connections of a listening socket."""
    listening.setsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)


class _HeadTooLarge(Exception):
    """Ends the parser."""


class LimitedHttpProtocol(EndingProtocol):
    """Cuts off clients that send or read too slowly or too much. Most requests arrive in one piece and need no timer."""

    def __init__(self, *args: Any, unread: UnreadAnswers, idle: IdleConnections, **options: Any) -> None:
        super().__init__(*args, **options)
        self._answers, self._idle = unread, idle
        self.url = b""
        self._has_head = self._is_head_too_large = self._is_upgraded = False
        self._received = self._without_progress = self._head_bytes = self._discarded = 0
        self._began = 0.0
        self._request_limit: TimerHandle | None = None
        self._reader_limit: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Wait for the first request."""
        super().connection_made(transport)
        self._idle.add(transport)
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._idle.remove(self.transport)
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse a part of a request, and wait for the rest. What arrives at the end of the connection is dropped."""
        if self.is_ending:
            return
        self._received += len(data)
        self._without_progress += len(data)
        self.parse(data)
        if self._is_upgraded or self.is_ending:
            self._stop_timers(reader=False)
        elif not self.is_receiving:
            self._end_request()
        elif self._without_progress > MAX_HEAD_BYTES:
            self._refuse(431, _LARGE_HEAD)
        else:
            self._idle.receive(self.transport, len(data))
            if self._request_limit is None:
                self._wait_for_request()

    def handle_websocket_upgrade(self) -> None:
        """Pass the connection on. It has limits of its own."""
        self._is_upgraded = True
        self._idle.remove(self.transport)
        self._stop_timers()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.is_receiving, self._has_head = True, False
        self._head_bytes = self._discarded = 0
        self._began = self.loop.time()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the request line."""
        self._add_to_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. Trailers are dropped: nothing of a head may follow a body."""
        self._add_to_head(len(name) + len(value))
        if self._has_head:
            return
        if len(self.headers) >= MAX_HEADERS:
            self._add_to_head(MAX_HEAD_BYTES)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin the body."""
        self._has_head = True
        self._head_bytes = self._without_progress = 0
        if not self.is_declined():
            cast("dict[str, Any]", self.scope)[RELEASE] = partial(self._idle.release, self.transport)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._without_progress = 0
        if self.cycle.response_complete:
            self._discarded += len(body)
            if self._discarded > DISCARDED_BYTES:
                self.end()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if not self.is_declined():
            self.is_receiving = False
            self._idle.remove(self.transport)
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser cannot read."""
        if self._is_head_too_large:
            self._refuse(431, _LARGE_HEAD)
        else:
            self._refuse(400, msg)

    def on_response_complete(self) -> None:
        """Wait for the next request. A client that does not read its last answer does not keep the connection open."""
        super().on_response_complete()
        if not self.is_ending:
            self._idle.add(self.transport)
        else:
            self.loop.call_later(READ_SECONDS, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, also when its client has not read the last answer."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(READ_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read its answer."""
        super().pause_writing()
        self._answers.add(self.transport)
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """End the wait."""
        self._stop_waiting_for_reader()
        super().resume_writing()

    def _add_to_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            self._is_head_too_large = True
            raise _HeadTooLarge

    def _end_request(self) -> None:
        if self._request_limit is not None:
            self._request_limit.cancel()
            self._request_limit = None
        self._received = self._without_progress = 0

    def _wait_for_request(self) -> None:
        self._began = self.loop.time()
        self._request_limit = self.loop.call_later(REQUEST_SECONDS, self._check_request)

    def _check_request(self) -> None:
        left = self._began + REQUEST_SECONDS - self.loop.time()
        if left > 0:  # the request has begun after the wait for it
            self._request_limit = self.loop.call_later(left, self._check_request)
        # while the application does not read the body, the client cannot send more
        elif self.flow.read_paused or self._received >= REQUEST_SECONDS * BYTES_PER_SECOND:
            self._received = 0
            self._wait_for_request()
        elif self.is_receiving:
            self._refuse(408, _INCOMPLETE)
        else:  # browsers open connections before they need them; an answer would be that to a later request
            self._stop_timers()
            self.transport.abort()

    def _wait_for_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._reader_limit = self.loop.call_later(READ_SECONDS, self._check_reader, unread)

    def _check_reader(self, unread: int) -> None:
        if self.transport.get_write_buffer_size() >= unread:
            self.transport.abort()
        else:
            self._wait_for_reader()

    def _stop_waiting_for_reader(self) -> None:
        self._answers.remove(self.transport)
        if self._reader_limit is not None:
            self._reader_limit.cancel()
            self._reader_limit = None

    def _stop_timers(self, *, reader: bool = True) -> None:
        if self._request_limit is not None:
            self._request_limit.cancel()
            self._request_limit = None
        if reader:
            self._stop_waiting_for_reader()

    def _refuse(self, status: int, message: str) -> None:
        """Answer, unless another answer is under way, and end the connection."""
        self._stop_timers(reader=False)
        cycle = cast("Any", self.cycle)
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(refusal(status, message, self.url.decode("latin-1")))
        self.end()
        self.loop.call_later(READ_SECONDS, self.transport.abort)
