"""The order in which messages arrive: each request takes its place in line before anything of it is awaited."""

from __future__ import annotations

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from realtime.message_order import MessageOrder, Place

_PLACE = "perennial.place"


class MessagesInOrder:
    """ASGI middleware that gives the requests of SendMessage their places, one line for each bearer token."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path
        self._order = MessageOrder()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request. It has left the line at the end, whatever becomes of it."""
        if scope["type"] != "http" or scope["path"] != self._path:
            await self._app(scope, receive, send)
            return
        sender = next((value for name, value in scope["headers"] if name == b"x-amz-bearer"), b"")
        place = scope[_PLACE] = self._order.join(sender)
        try:
            await self._app(scope, receive, send)
        finally:
            place.leave()


def place_in_line(request: Request) -> Place:
    """Return the place of a request of SendMessage."""
    place: Place = request.scope[_PLACE]
    return place
