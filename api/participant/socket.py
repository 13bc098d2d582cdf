"""The WebSocket of a participant: subscription, heartbeat and ping, as ChatJS sends them."""

from __future__ import annotations

import asyncio
import json
from math import inf
from time import time

from fastapi import APIRouter
from starlette.websockets import WebSocket

from api.dependencies import Services, ServicesInRequest
from api.errors import refuse_socket
from api.participant.authentication import require_same_agent
from api.tokens import TokenKind
from domain.errors import AccessDenied
from realtime.open_sockets import HEAD_START_SECONDS
from realtime.sessions import Session
from realtime.socket import UNUSED, ClientSocket, Frame
from realtime.transcript_feed import TranscriptSubscriber
from routing.connection_reports import SUPERVISOR_CONNECTIONS
from runtime.logs import CONTACT, INSTANCE
from store import conversations
from store.records import StoredConversation
from wire import frames
from wire.frames import REHYDRATED, chat_frame, transient_event

router = APIRouter()

PATH = "/participant/websocket"

SUBSCRIBED = Frame(frames.subscribed(["aws/chat"], success=True))
NOT_SUBSCRIBED = Frame(frames.subscribed([], success=False))

SUBSCRIBE_SECONDS = 30.0
"""How long a socket may stay open without a subscription. ChatJS subscribes as soon as it is open."""


@router.websocket(PATH)
async def participant_websocket(websocket: WebSocket, services: ServicesInRequest, token: str = "") -> None:
    """Serve one socket. Refuses it before it opens: clients reconnect without pause to sockets that open and close again."""
    try:
        async with services.limits.checking_token(websocket):
            session, until = await _session(services, token)
    except AccessDenied as denied:
        await refuse_socket(websocket, denied)
        return
    INSTANCE.set(session.conversation.instance)
    CONTACT.set(session.contact_id)
    with services.open_sockets.counted(session.participant.id, services.settings.sockets_per_participant):
        await _ParticipantSocket(websocket, services, session, until).serve()


async def _session(services: Services, token: str) -> tuple[Session, float]:
    """Return the participant of a socket URL, which is used with this, and when the socket ends, in seconds since 1970.

    Raises:
        AccessDenied: the token is not valid or was used before, the chat has ended, or the participant has left it.
    """
    claims = services.tokens.verify(TokenKind.SOCKET, token)
    found = await conversations.find_participant(services.db, claims["sub"])
    session = found and Session(*found)
    if session is None or session.is_over:
        raise AccessDenied("The chat has ended.")
    require_same_agent(claims, session)
    if not await services.single_use.take_token(claims):
        raise AccessDenied("The socket URL has been used. Each socket needs a new one.")
    return session, claims.get("until", inf)


class _ParticipantSocket:
    """The protocol of one open socket."""

    def __init__(self, websocket: WebSocket, services: Services, session: Session, until: float) -> None:
        self._parts, self._until = services, until
        participant_id, conversation_id = session.participant.id, session.conversation.id
        self._socket = ClientSocket(
            websocket, f"participant {participant_id} in {conversation_id}", services.metrics.participant_sockets
        )
        self._frames = self._socket.frames
        # the conversation does not know whether a supervisor is connected
        self._counted_in = SUPERVISOR_CONNECTIONS if session.is_supervisor else conversation_id
        self._subscriber = TranscriptSubscriber(
            participant_id, conversation_id, self._frames, _welcome, session.agent_identity
        )
        self._is_counted = self._is_subscribed = False

    async def serve(self) -> None:
        """Serve until either side closes the socket."""
        async with self._socket.opened():
            loop = asyncio.get_running_loop()
            limit = loop.call_later(SUBSCRIBE_SECONDS, self._require_subscription)
            end = None if self._until == inf else loop.call_later(self._until - time(), self._socket.close)
            try:
                with self._parts.open_sockets.holding(self):
                    await self._socket.read(self._receive)
            finally:
                limit.cancel()
                if end is not None:
                    end.cancel()
                if self._is_subscribed:
                    self._parts.transcripts.leave(self._subscriber)
                if self._is_counted:
                    self._parts.connections.closed(
                        self._subscriber.participant_id, self._counted_in, silent_since=self._socket.silent_since
                    )

    async def hand_over(self) -> None:
        """See `HeldSocket`."""
        if self._is_subscribed:
            await self._parts.transcripts.hand_over(self._subscriber)
            await asyncio.sleep(HEAD_START_SECONDS)
        await self._socket.hand_over()

    def _require_subscription(self) -> None:
        if not self._is_subscribed:
            self._socket.close(UNUSED)

    async def _receive(self, text: str | None) -> None:
        try:
            request = json.loads(text or "")
            topic = request["topic"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return  # not of the protocol: clients expect no answer
        match topic:
            case "aws/subscribe":
                await self._subscribe(request)
            case "aws/heartbeat":
                self._subscriber.note_heartbeat()
                await self._frames.reply(Frame(frames.HEARTBEAT))
            case "aws/ping":
                await self._frames.reply(Frame(frames.PING))
            case _:
                return

    async def _subscribe(self, request: dict[str, object]) -> None:
        content = request.get("content")
        topics = content.get("topics") if isinstance(content, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if not isinstance(topics, list) or "aws/chat" not in topics:
            await self._frames.reply(NOT_SUBSCRIBED)
        elif self._is_subscribed:
            await self._frames.reply(SUBSCRIBED)
        else:
            await self._count()
            self._is_subscribed = await self._parts.transcripts.join(self._subscriber)
            if not self._is_subscribed:
                self._socket.close()  # the client then requests another socket, and the error response gives the reason

    async def _count(self) -> None:
        """Count the participant as connected, before the client hears that it is."""
        connection = self._subscriber.participant_id, self._counted_in
        if not self._is_counted:
            self._is_counted = True
            self._parts.connections.opened(*connection)
        await self._parts.connections.until_recorded(*connection)


def _welcome(conversation: StoredConversation, contact_id: str) -> list[Frame]:
    """The answer to a subscription; for a conversation that continues a past, also the event `chat.rehydrated`."""
    if conversation.continued_from is None:
        return [SUBSCRIBED]
    rehydrated = transient_event(REHYDRATED, conversation_id=conversation.id, contact_id=contact_id)
    return [SUBSCRIBED, Frame(chat_frame(rehydrated))]
