"""The end of a connection whose client still sends a body that nobody needs.

The system resets a connection that is closed while bytes of the client are unread, and the reset can overtake the answer. So the
answer and the end of the connection are sent first, and what still arrives is dropped for a while, as nginx does.
"""

from __future__ import annotations

from asyncio import Transport
from typing import Any, cast

from api.declined_offers import OfferDecliningProtocol

DROPPING_SECONDS = 5.0
"""How long a client may go on to send after the end of the answer. The connection is then reset."""


class _AnswerTransport:
    """What uvicorn writes an answer to. It leaves the end of the connection to the protocol."""

    def __init__(self, protocol: EndingProtocol) -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        """Send a part of the answer, unless the connection ends."""
        if not self._protocol.is_ending:
            self._protocol.transport.write(data)

    def is_closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._protocol.is_ending

    def close(self) -> None:
        """End the connection."""
        self._protocol.end()


class EndingProtocol(OfferDecliningProtocol):
    """Ends connections so that the client can read its answer. A subclass drops what arrives while `is_ending`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.is_receiving = False
        self._is_dropping = False

    @property
    def is_ending(self) -> bool:
        """Whether nothing more can be sent."""
        return self._is_dropping or self.transport.is_closing()

    def on_headers_complete(self) -> None:
        """Begin the body."""
        super().on_headers_complete()
        if not self._is_upgrade():
            self.cycle.transport = cast("Transport", _AnswerTransport(self))

    def on_response_complete(self) -> None:
        """Wait for the next request, unless the connection ends."""
        if self._is_dropping:
            self.server_state.total_requests += 1
        else:
            super().on_response_complete()

    def end(self) -> None:
        """Send what waits and the end of the connection. Repeated calls do nothing."""
        if self.is_ending:
            return
        if not self.is_receiving:
            self.transport.close()
            return
        self._is_dropping = True
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self.transport.write_eof()
        self.loop.call_later(DROPPING_SECONDS, self.transport.abort)

    def _is_upgrade(self) -> bool:
        return self.parser.should_upgrade() and self._should_upgrade()
