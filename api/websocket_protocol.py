"""uvicorn's WebSocket protocol on `websockets`, with a close that the client receives."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

DISCARD_SECONDS = 5.0
"""How long a socket that is closed for an invalid frame may go on sending."""


class ChatSocketProtocol(WebSocketsSansIOProtocol):
    """After an invalid frame it reads and discards the rest of what the client sends.

    uvicorn closes the connection at once. If the client is still sending, the system resets the connection, and the client does
    not receive the reason.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._discards = False

    def data_received(self, data: bytes) -> None:
        """Handle data of the client."""
        if not self._discards:
            super().data_received(data)

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
