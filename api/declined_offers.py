"""Offers of other protocols, such as HTTP/2 by `Upgrade: h2c`. They are declined: the request counts as HTTP/1.1.

uvicorn serves such a request too, but without its body, which the parser takes for the other protocol.
"""

from __future__ import annotations

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OfferDecliningProtocol(HttpToolsProtocol):
    """Parses requests. A subclass does not pass on the head and the end of one while `is_declined`: it is parsed again."""

    def parse(self, data: bytes) -> None:
        """Parse a part of a request."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            elif self.is_declined():
                self._parse_without_offer(data[offer.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _should_upgrade(self) -> bool:
        return self.parser.get_method() == b"GET" and super()._should_upgrade()

    def is_declined(self) -> bool:
        """Whether the request offers another protocol that is not spoken here, such as HTTP/2. It then counts as HTTP/1.1."""
        offers = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        return offers and not self._should_upgrade()

    def _parse_without_offer(self, rest: bytes) -> None:
        """Parse a request again without its offer: the parser takes what follows the head for the other protocol."""
        kept = [(name, value) for name, value in self.headers if name != b"upgrade"]
        lines = [b"%s %s HTTP/1.1" % (self.parser.get_method(), self.url), *(b"%s: %s" % pair for pair in kept)]
        self.parser = httptools.HttpRequestParser(self)
        self.parse(b"\r\n".join([*lines, b"", rest]))
