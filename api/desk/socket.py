"""The socket of an agent's desk: what the agent is to know, as soon as it has happened."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.dependencies import Parts
from api.desk.authentication import SignedInAgent, read_desk_token
from api.live.desk_hub import EXPIRED, LAGS, NO_AGENT, Listener
from api.live.desks import DESK, desk_id
from domain.errors import AccessDenied
from store.board.desk import AgentId

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/agent")

REASONS = {
    LAGS: "it lags too far behind",
    EXPIRED: "the desk token has expired",
    NO_AGENT: "the agent does not exist any more",
}


@router.websocket("/socket")
async def agent_socket(socket: WebSocket, parts: Parts, token: str = "", after: int | None = None) -> None:
    """Serves one socket. The token stands in the address, because browsers can send it nowhere else, or in a header.

    Who may not have a socket is refused before it opens: opening and closing makes clients storm.
    """
    scheme, _, bearer = socket.headers.get("authorization", "").partition(" ")
    try:
        desk = read_desk_token(parts, token or (bearer.strip() if scheme.lower() == "bearer" else ""))
    except AccessDenied:
        await socket.close()
        return
    await _Socket(socket, parts, desk).serve(after)


class _Socket:
    """One socket: a reader that answers, a writer that is the only one to send."""

    def __init__(self, socket: WebSocket, parts: Parts, desk: SignedInAgent) -> None:
        self._socket = socket
        self._parts = parts
        self._expires_at = desk.expires_at
        self._listener = Listener(AgentId(desk.instance, desk.user), drop=self._drop)
        self._writer: asyncio.Task[None] | None = None

    async def serve(self, after: int | None) -> None:
        """Runs until either side closes, or the token has expired."""
        if not await self._parts.desk_hub.join(self._listener, after):
            await self._socket.close()
            return
        desk = desk_id(self._listener.agent)
        present = False
        try:
            await self._socket.accept()
            self._writer = asyncio.create_task(self._write())
            present = True
            await self._parts.attendance.arrived(desk, DESK)
            await self._read()
        finally:
            self._parts.desk_hub.leave(self._listener)
            if self._writer:
                self._writer.cancel()
            if present:
                self._parts.attendance.left(desk, DESK)

    async def _read(self) -> None:
        try:
            async with asyncio.timeout((self._expires_at - datetime.now(UTC)).total_seconds()):
                while (message := await self._socket.receive())["type"] != "websocket.disconnect":
                    if _is_ping(message.get("text")):
                        self._listener.send({"type": "pong"})
        except TimeoutError:
            await self._close(EXPIRED)
        except WebSocketDisconnect:
            pass

    async def _write(self) -> None:
        # where the client has gone, the reader sees the same end
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await self._socket.send_text(await self._listener.frames.get())

    def _drop(self, code: int) -> None:
        closing = asyncio.ensure_future(self._close(code))
        closing.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _close(self, code: int) -> None:
        logger.info("a desk socket of %s is closed: %s", self._listener.agent.user, REASONS[code])
        self._parts.desk_hub.leave(self._listener)
        if self._writer:
            self._writer.cancel()
        await self._socket.close(code, REASONS[code])


def _is_ping(text: str | None) -> bool:
    try:
        said = json.loads(text or "")
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("type") == "ping"  # pyright: ignore[reportUnknownMemberType]
