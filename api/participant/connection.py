"""CreateParticipantConnection and DisconnectParticipant."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import uuid4

from annotated_types import MinLen
from fastapi import APIRouter, Request

from api.bodies import JsonBody
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute
from api.participant.authentication import ByConnectionToken, ByParticipantToken, life_until, of_agent
from api.participant.socket import PATH
from api.tokens import TokenKind
from domain.errors import AccessDenied, ConversationEnded, MalformedRequest, TooFast
from domain.events import Connect, End, Leave
from domain.instants import iso
from domain.participants import Role
from realtime.sessions import Session
from realtime.streamed_presence import begin_streamed_presence
from runtime.bus import Announcement
from store.streams import is_streamed
from wire.frames import CHAT_ENDED, transient_event
from wire.models import NO_EFFECT, ClientToken, OrDefault, Remark, WireModel

router = APIRouter(route_class=DescribedRoute)

SOCKET_URL_LIFE = timedelta(seconds=100)
"""How long a socket URL, which is good once, is valid (CreateParticipantConnection)."""


class CreateParticipantConnection(WireModel):
    """POST /participant/connection. The ChatJS of an agent also calls it without `Type`, to count as connected."""

    type: Annotated[
        Annotated[list[Literal["WEBSOCKET", "CONNECTION_CREDENTIALS", "WEBRTC_CONNECTION"]], MinLen(1)] | None,
        Remark("WEBSOCKET and CONNECTION_CREDENTIALS"),
    ] = None
    connect_participant: OrDefault[bool] = False


class DisconnectParticipant(WireModel):
    """POST /participant/disconnect."""

    client_token: Annotated[ClientToken | None, NO_EFFECT] = None


@router.post("/participant/connection")
async def create_participant_connection(
    request: Request,
    services: ServicesInRequest,
    session: ByParticipantToken,
    body: JsonBody[CreateParticipantConnection],
) -> dict[str, Any]:
    """CreateParticipantConnection. A 403 means that the chat has ended; a disconnected client gets no other notice."""
    session.require_active()
    if body.type is None and not body.connect_participant:
        raise MalformedRequest("Type: at least one type of connection must be named.")
    if "WEBRTC_CONNECTION" in (body.type or ()):
        raise MalformedRequest("Type: WEBRTC_CONNECTION is not served for chats.")
    if body.connect_participant and not session.is_supervisor:
        await _connect(services, session)
    ids = session.participant.id, session.conversation.id
    # what an agent may do ends with their agent token, and the participant token of an agent ends with that
    until = request.state.valid_until if session.agent_identity else None
    return connection_data(request, services, *ids, body.type or (), session.agent_identity, until)


@router.post("/participant/disconnect")
async def disconnect_participant(
    services: ServicesInRequest, session: ByConnectionToken, body: JsonBody[DisconnectParticipant]
) -> dict[str, Any]:
    """DisconnectParticipant. An agent ends the chat; a customer ends it if the policy allows, and leaves it otherwise.

    A bot or a supervisor only leaves.
    """
    if session.is_supervisor:
        await services.monitoring.leave(session.participant.id, session.conversation.id)
        return {}
    command = Leave if session.participant.role == "CUSTOM_BOT" else End
    try:
        refused = await services.engine.execute_command(
            session.conversation.id, command(by=session.participant.id), of_customer=session.participant.role != "AGENT"
        )
    except ConversationEnded:
        return {}
    if refused and session.conversation.ended_at is None:
        if session.participant.role != "CUSTOMER":
            raise AccessDenied(f"The participant cannot end the chat: {refused.text}.")
        await _leave(services, session)
    return {}


def connection_data(
    request: Request,
    services: Services,
    participant_id: str,
    conversation_id: str,
    types: Collection[str],
    agent_identity: str | None = None,
    until: datetime | None = None,
) -> dict[str, Any]:
    """Return a socket URL, which is good once, and a connection token, for the types that the request names.

    Those of an agent end with `agent_identity`, and at `until`, as does the socket. None: as the settings say.

    Raises:
        TooFast: the participant has too many open sockets.
    """
    now = datetime.now(UTC)
    data: dict[str, Any] = {}
    if "WEBSOCKET" in types:
        present, limit = services.open_sockets.count_of(participant_id), services.settings.sockets_per_participant
        if present >= limit:
            raise TooFast(f"The participant has {present} open WebSockets; at most {limit} are allowed.")
        end = {} if until is None else {"until": int(until.timestamp())}
        token = services.tokens.make(
            TokenKind.SOCKET, participant_id, SOCKET_URL_LIFE, jti=uuid4().hex, **of_agent(agent_identity), **end
        )
        url = f"{_socket_base(request, services)}{PATH}?token={token}"
        data["Websocket"] = {"Url": url, "ConnectionExpiry": iso(now + SOCKET_URL_LIFE)}
    if "CONNECTION_CREDENTIALS" in types:
        life = life_until(services.settings.connection_token_life, until)
        token = services.tokens.make(
            TokenKind.CONNECTION, participant_id, life, chat=conversation_id, **of_agent(agent_identity)
        )
        data["ConnectionCredentials"] = {"ConnectionToken": token, "Expiry": iso(now + life)}
    return data


def _socket_base(request: Request, services: Services) -> str:
    """Return the base URL for sockets. ChatJS accepts unencrypted `ws:` for 127.0.0.1 only, not for `localhost`."""
    if services.settings.public_url:
        return services.settings.public_url.rstrip("/").replace("http", "ws", 1)
    url = request.url
    if url.scheme == "https":
        return f"wss://{url.netloc}"
    host = "127.0.0.1" if url.hostname in ("localhost", "::1") else url.hostname
    return f"ws://{host}:{url.port}" if url.port else f"ws://{host}"


async def _connect(services: Services, session: Session) -> None:
    """Have a participant count as connected without a socket. Of customers it is for those whose chat is streamed."""
    ids = session.conversation.id, session.participant.id
    if session.participant.role != Role.CUSTOMER:
        await services.engine.signal(ids[0], Connect(by=ids[1], at=datetime.now(UTC)))
    elif await is_streamed(services.db, ids[0]):
        await begin_streamed_presence(services.db, services.connection_reports, *ids)
    else:
        raise MalformedRequest(
            "ConnectParticipant: the customer's chat must be streamed first (StartContactStreaming)."
        )


async def _leave(services: Services, session: Session) -> None:
    """Send `chat.ended` to the clients of a customer who leaves. The conversation continues; others do not get the event."""
    event = transient_event(
        CHAT_ENDED,
        conversation_id=session.conversation.id,
        contact_id=session.contact_id,
        participant=session.participant,
    )
    await services.bus.announce(Announcement(session.conversation.id, event, only_to=session.participant.id))
