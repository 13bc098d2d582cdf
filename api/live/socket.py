"""The WebSocket of a participant: subscribe, heartbeat, ping, and the frames that the hub has for it."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from api import frames
from api.dependencies import Parts
from api.frames import REHYDRATED, chat_frame, passing_event
from api.live.hub import Frame, Subscriber
from api.tokens import TokenKind
from domain.errors import AccessDenied
from store import conversations
from store.records import Conversation

logger = logging.getLogger(__name__)
router = APIRouter()

PATH = "/participant/websocket"
FAREWELL_SECONDS = 5.0
"""How long a client may take to close its socket after the end; ChatJS does so at once."""


@router.websocket(PATH)
async def participant_websocket(socket: WebSocket, parts: Parts, token: str = "") -> None:
    """Serves one socket. Who may not have one is refused before it opens: opening and closing makes clients storm."""
    try:
        claims = parts.tokens.read(TokenKind.SOCKET, token)
    except AccessDenied:
        await socket.close()
        return
    found = await conversations.find_participant(parts.db, claims["sub"])
    if found is None or found[1].ended_at is not None or found[0].left_at is not None:
        await socket.close()
        return
    participant, conversation, _ = found
    await socket.accept()
    await _Socket(socket, parts, participant.id, conversation.id).serve()


class _Socket:
    """One open socket: a reader that answers, a writer that is the only one to send."""

    def __init__(self, socket: WebSocket, parts: Parts, participant_id: str, conversation_id: str) -> None:
        self._socket = socket
        self._parts = parts
        self._joined = self._present = False
        self._subscriber = Subscriber(participant_id, conversation_id, overflow=self._drop)
        self._writer = asyncio.create_task(self._write())

    async def serve(self) -> None:
        """Runs until either side closes."""
        try:
            await self._read()
        finally:
            self._writer.cancel()
            if self._joined:
                self._parts.hub.leave(self._subscriber)
            if self._present:
                self._parts.attendance.left(self._subscriber.participant_id, self._subscriber.conversation_id)

    async def _read(self) -> None:
        with suppress(WebSocketDisconnect):
            while True:
                message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                await self._answer(message.get("text"))

    async def _answer(self, text: str | None) -> None:
        try:
            request = json.loads(text or "")
            topic = request["topic"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return  # not of the protocol; answering could only confuse a client
        match topic:
            case "aws/subscribe":
                await self._subscribe(request)
            case "aws/heartbeat":
                self._subscriber.beat()
                await self._subscriber.frames.put(Frame(frames.HEARTBEAT))
            case "aws/ping":
                await self._subscriber.frames.put(Frame(frames.PING))
            case _:
                return

    async def _subscribe(self, request: dict[str, object]) -> None:
        content = request.get("content")
        topics = content.get("topics") if isinstance(content, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        success = isinstance(topics, list) and "aws/chat" in topics
        answer = Frame(frames.subscribed(["aws/chat"] if success else [], success=success))
        if not success or self._joined:
            await self._subscriber.frames.put(answer)
            return

        def welcome(conversation: Conversation, contact_id: str) -> list[Frame]:
            if conversation.continued_from is None:
                return [answer]
            past = passing_event(REHYDRATED, conversation_id=conversation.id, contact_id=contact_id)
            return [answer, Frame(chat_frame(past))]

        if not await self._parts.hub.join(self._subscriber, welcome):
            await self._socket.close()  # a client that then asks for another socket learns why it gets none
            return
        self._joined = self._present = True
        await self._parts.attendance.arrived(self._subscriber.participant_id, self._subscriber.conversation_id)

    async def _write(self) -> None:
        try:
            while True:
                frame = await self._subscriber.frames.get()
                await self._socket.send_text(frame.text)
                self._subscriber.sent = max(self._subscriber.sent, frame.seq)
                if frame.last:
                    await asyncio.sleep(FAREWELL_SECONDS)
                    await self._socket.close()
                    return
        except (WebSocketDisconnect, RuntimeError):
            return  # the reader sees the same end

    def _drop(self) -> None:
        logger.warning("a socket of %s lags too far behind", self._subscriber.conversation_id)
        self._writer.cancel()
        task = asyncio.ensure_future(self._socket.close(1013))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
