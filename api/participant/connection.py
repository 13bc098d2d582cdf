"""Connecting a participant, and letting them go."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from annotated_types import MinLen
from fastapi import APIRouter, Request

from api.frames import CHAT_ENDED, iso, passing_event
from api.live.socket import PATH
from api.participant.session import ByConnectionToken, ByParticipantToken, Session
from api.services import Parts, Services
from api.tokens import Kind
from api.wire import ClientToken, Wire, read_body
from domain.errors import AccessDenied, ConversationEnded, MalformedRequest, Throttled
from runtime.bus import Announcement
from workflows.events import Connect, End, Leave

router = APIRouter()

SOCKET_URL_LIFE = timedelta(seconds=100)
"""How long a socket URL can be dialled (CreateParticipantConnection)."""


class CreateParticipantConnection(Wire):
    """POST /participant/connection. ChatJS agents also call it without `Type`, only to be counted as connected."""

    type: Annotated[list[Literal["WEBSOCKET", "CONNECTION_CREDENTIALS", "WEBRTC_CONNECTION"]], MinLen(1)] | None = None
    connect_participant: bool = False


class DisconnectParticipant(Wire):
    """POST /participant/disconnect."""

    client_token: ClientToken | None = None


@router.post("/participant/connection")
async def create_participant_connection(request: Request, parts: Parts, session: ByParticipantToken) -> dict[str, Any]:
    """CreateParticipantConnection. 403 tells a client that was away that the chat has ended, and nothing else does."""
    body = await read_body(request, CreateParticipantConnection)
    session.must_go_on()
    if body.type is None and not body.connect_participant:
        raise MalformedRequest("Type: at least one type of connection must be named.")
    if "WEBRTC_CONNECTION" in (body.type or ()):
        raise MalformedRequest("Type: WEBRTC_CONNECTION is not served for chats.")
    if body.connect_participant:
        connect = Connect(by=session.participant.id, at=datetime.now(UTC))
        await parts.engine.signal(session.conversation.id, connect)
    return connection_data(request, parts, session.participant.id, session.conversation.id, body.type or ())


@router.post("/participant/disconnect")
async def disconnect_participant(request: Request, parts: Parts, session: ByConnectionToken) -> dict[str, Any]:
    """DisconnectParticipant: the agent ends the chat; so does the customer, where the policy lets them, else they leave."""
    await read_body(request, DisconnectParticipant)
    command = Leave if session.participant.role == "CUSTOM_BOT" else End
    try:
        refused = await parts.engine.ask(session.conversation.id, command(by=session.participant.id))
    except ConversationEnded:
        return {}
    if refused and session.conversation.ended_at is None:
        if session.participant.role != "CUSTOMER":
            raise AccessDenied(f"The participant cannot end the chat: {refused.text}.")
        await _leave(parts, session)
    return {}


def connection_data(
    request: Request, parts: Services, participant_id: str, conversation_id: str, types: Collection[str]
) -> dict[str, Any]:
    """A socket URL and a connection token, as far as they are asked for.

    Raises:
        Throttled: the participant has too many sockets open already.
    """
    now = datetime.now(UTC)
    data: dict[str, Any] = {}
    if "WEBSOCKET" in types:
        if parts.hub.sockets(participant_id, conversation_id) >= parts.settings.sockets_per_participant:
            raise Throttled("The participant has too many connections open.")
        token = parts.tokens.make(Kind.SOCKET, participant_id, SOCKET_URL_LIFE)
        url = f"{_socket_base(request, parts)}{PATH}?token={token}"
        data["Websocket"] = {"Url": url, "ConnectionExpiry": iso(now + SOCKET_URL_LIFE)}
    if "CONNECTION_CREDENTIALS" in types:
        life = parts.settings.connection_token_life
        token = parts.tokens.make(Kind.CONNECTION, participant_id, life, chat=conversation_id)
        data["ConnectionCredentials"] = {"ConnectionToken": token, "Expiry": iso(now + life)}
    return data


def _socket_base(request: Request, parts: Services) -> str:
    """The API's address for sockets. ChatJS dials plain `ws:` to the literal 127.0.0.1 only, not to `localhost`."""
    if parts.settings.public_url:
        return parts.settings.public_url.rstrip("/").replace("http", "ws", 1)
    url = request.url
    if url.scheme == "https":
        return f"wss://{url.netloc}"
    host = "127.0.0.1" if url.hostname in ("localhost", "::1") else url.hostname
    return f"ws://{host}:{url.port}" if url.port else f"ws://{host}"


async def _leave(parts: Services, session: Session) -> None:
    """The customer goes and the conversation stays: their clients are told that it is over for them, nobody else is."""
    farewell = passing_event(
        CHAT_ENDED, conversation_id=session.conversation.id, contact_id=session.contact_id, who=session.participant
    )
    await parts.bus.announce(Announcement(session.conversation.id, farewell, only_to=session.participant.id))
