"""Links with which a customer returns to a chat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

from api.tokens import TokenKind, Tokens
from engine.unreached_customers import ReconnectLink

LINK_PARAMETER = "reconnect_id"
"""Query parameter of a link. The portal page identifies the chat by it."""


class ReconnectLinks:
    """Makes links. Each may be used many times, for its life."""

    def __init__(self, tokens: Tokens, life: timedelta) -> None:
        self._tokens, self._life = tokens, life

    def make(self, conversation_id: str, portal_url: str | None) -> ReconnectLink:
        """Make a link to a conversation. Without a portal page it has no URL."""
        # not `exp`: an expired link must still identify its chat, because its workstream has the redirect URL
        until = int((datetime.now(UTC) + self._life).timestamp())
        reconnect_id = self._tokens.make(TokenKind.RECONNECT, conversation_id, until=until)
        return ReconnectLink(reconnect_id, _with_parameter(portal_url, reconnect_id) if portal_url else None)


def _with_parameter(url: str, reconnect_id: str) -> str:
    parts, parameter = urlsplit(url), urlencode({LINK_PARAMETER: reconnect_id})
    return parts._replace(query=f"{parts.query}&{parameter}" if parts.query else parameter).geturl()
