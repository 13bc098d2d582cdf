"""uvicorn's WebSocket protocol on `websockets`: a close that clients receive, and the last sign of life of a silent client."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from realtime.socket import SILENT_SINCE

DISCARD_SECONDS = 5.0
"""How long a socket that is closed for an invalid frame may go on sending."""


class ChatSocketProtocol(WebSocketsSansIOProtocol):
    """Knows since when a client is silent. After an invalid frame it reads and discards the rest of what the client sends.

    uvicorn closes the connection at once. If the client is still sending, the system resets the connection, and the client does
    not receive the reason.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._discards = False
        self._heard_at = datetime.now(UTC)

    def data_received(self, data: bytes) -> None:
        """Handle data of the client."""
        self._heard_at = datetime.now(UTC)
        if not self._discards:
            super().data_received(data)

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
