"""uvicorn's WebSocket protocol on `websockets`: closes that clients receive, the last sign of life of a silent client, limits."""

from __future__ import annotations

from asyncio import Task, TimerHandle
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import SecurityError
from websockets.http11 import Request
from websockets.protocol import State

from api.protocol_refusals import refusal
from realtime.socket import SILENT_SINCE

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

DISCARD_SECONDS = 5.0
"""How long a socket that is closed for an invalid frame may go on sending."""

UNREAD_SECONDS = 30.0
"""How long a client may leave frames unread, or keep its connection after the end. `realtime.socket` closes sockets earlier."""


class ChatSocketProtocol(WebSocketsSansIOProtocol):
    """Knows since when a client is silent. After an invalid frame it reads and discards the rest of what the client sends.

    uvicorn closes the connection at once. If the client is still sending, the system resets the connection, and the client does
    not receive the reason.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._discards = False
        self._heard_at = datetime.now(UTC)
        self._reader_limit: TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Handle data of the client."""
        self._heard_at = datetime.now(UTC)
        if self._discards:
            return
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._refuse_handshake()

    def handle_connect(self, event: Request) -> None:
        """Open the socket, or refuse a handshake that is none."""
        answer = self.conn.accept(event)
        if answer.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            super().handle_connect(event)
            return
        self.handshake_initiated = self.handshake_complete = True
        upgrade = [(b"upgrade", value.encode()) for value in answer.headers.get_all("upgrade")]
        self._end_handshake(refusal(answer.status_code, str(self.conn.handshake_exc), event.path, *upgrade))

    def send_receive_event_to_app(self) -> None:
        """Pass a whole message on. A text that is not UTF-8 ends the socket; uvicorn logs it as an error with its trace."""
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            if self.conn.state is State.OPEN:  # else the client's own close stands behind it in the same data
                self.conn.send_close(1007)
                self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application sends. A refusal completes the handshake; uvicorn logs each one as an error."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
        super().pause_writing()
        self._reader_limit = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """End the wait."""
        self._stop_waiting_for_reader()
        super().resume_writing()

    def handle_ping(self) -> None:
        """Answer a ping. A client that does not read gets no answers: they would wait in memory without end.

        A ping can also stand behind an invalid frame in the same data. Nothing may be written then.
        """
        if self.writable.is_set() and not self._discards:
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def on_task_complete(self, task: Task[None]) -> None:
        """End the connection, also when its client does not read what was sent last."""
        super().on_task_complete(task)
        self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def _stop_waiting_for_reader(self) -> None:
        if self._reader_limit is not None:
            self._reader_limit.cancel()
            self._reader_limit = None

    def _refuse_handshake(self) -> None:
        """Answer a handshake that `websockets` does not read: it has a long header, too many of them, or a body."""
        if isinstance(self.conn.handshake_exc, SecurityError):
            self._end_handshake(refusal(431, "The head of the handshake is too large.", ""))
        else:
            self._end_handshake(refusal(400, "The handshake is malformed.", ""))

    def _end_handshake(self, answer: bytes) -> None:
        self.transport.write(answer)
        self._discards = True
        self.transport.close()

    def keepalive_timeout(self) -> None:
        """Close the socket of a client that answers no pings. The application learns at once since when it is silent."""
        if not self.close_sent and not self.transport.is_closing():
            event: Any = {"type": "websocket.disconnect", "code": 1011, SILENT_SINCE: self._heard_at}
            self.queue.put_nowait(event)
        super().keepalive_timeout()

    def handle_parser_exception(self) -> None:
        """Send the close frame, and wait for the client to close the connection."""
        close = self.conn.close_sent
        assert close is not None
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = self._discards = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(DISCARD_SECONDS, self.transport.close)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
