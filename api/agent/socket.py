"""The WebSocket of an agent: offers, assignments and agent status, as soon as they change."""

from __future__ import annotations

import json

from fastapi import APIRouter
from starlette.websockets import WebSocket

from api.agent.authentication import SignedInAgent, read_agent_token
from api.dependencies import Services, ServicesInRequest
from api.errors import refuse_socket
from domain.errors import AccessDenied
from realtime.agent_event_feed import AgentEventSubscriber
from realtime.socket import ClientSocket, Frame
from routing.agent_events import AgentId
from routing.connection_reports import AGENT_CONNECTIONS, connection_id

router = APIRouter(prefix="/v1/agent")

PONG = Frame(json.dumps({"type": "pong"}))


@router.websocket("/socket")
async def agent_socket(
    websocket: WebSocket, services: ServicesInRequest, token: str = "", after: int | None = None
) -> None:
    """Serve one socket until either side closes it or the token expires.

    The token is in the address, because browsers can send it nowhere else, or in a header. A socket is refused before it opens:
    clients reconnect without pause to sockets that open and close again.
    """
    scheme, _, bearer = websocket.headers.get("authorization", "").partition(" ")
    try:
        async with services.limits.checking_token(websocket):
            signed_in = read_agent_token(services, token or (bearer.strip() if scheme.lower() == "bearer" else ""))
    except AccessDenied as denied:
        await refuse_socket(websocket, denied)
        return
    agent = AgentId(signed_in.instance, signed_in.user)
    with services.open_sockets.counted(agent, services.settings.sockets_per_agent):
        await _serve(websocket, services, signed_in, after)


async def _serve(websocket: WebSocket, services: Services, signed_in: SignedInAgent, after: int | None) -> None:
    agent = AgentId(signed_in.instance, signed_in.user)
    name = f"agent {signed_in.user} of {signed_in.instance}"
    socket = ClientSocket(websocket, name, services.metrics.agent_sockets)
    subscriber = AgentEventSubscriber(agent, socket.frames, socket.close, after)
    if not await services.agent_events.join(subscriber):
        await websocket.close()
        return

    async def receive(text: str | None) -> None:
        if _is_ping(text):
            await socket.frames.reply(PONG)

    try:
        async with socket.opened():
            services.connections.opened(connection_id(agent), AGENT_CONNECTIONS)
            try:
                with services.open_sockets.holding(socket):
                    await socket.read(receive, expires_at=signed_in.expires_at)
            finally:
                services.connections.closed(connection_id(agent), AGENT_CONNECTIONS)
    finally:
        services.agent_events.leave(subscriber)


def _is_ping(text: str | None) -> bool:
    try:
        frame = json.loads(text or "")
    except (ValueError, RecursionError):
        return False
    return isinstance(frame, dict) and frame.get("type") == "ping"  # pyright: ignore[reportUnknownMemberType]
