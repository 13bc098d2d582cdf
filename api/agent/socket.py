"""The WebSocket of an agent: offers, assignments and agent status, as soon as they change."""

from __future__ import annotations

import json

from fastapi import APIRouter
from starlette.websockets import WebSocket

from api.agent.authentication import (
    TICKET_LIFE,
    ByAgentToken,
    SignedInAgent,
    read_agent_token,
    socket_ticket,
    use_socket_ticket,
)
from api.agent.responses import TicketResponse
from api.dependencies import Services, ServicesInRequest
from api.errors import refuse_socket
from api.openapi import DescribedRoute, error_responses
from domain.errors import AccessDenied
from realtime.agent_event_feed import AgentEventSubscriber, DeskId
from realtime.socket import ClientSocket, Frame
from routing.agent_events import AgentId
from routing.connection_reports import AGENT_CONNECTIONS, connection_id

router = APIRouter(
    prefix="/v1/agent",
    tags=["agent"],
    route_class=DescribedRoute,
    responses=error_responses(name="AccessDeniedException", message="The agent token has expired."),
)

PONG = Frame(json.dumps({"type": "pong"}))


@router.post("/socket-ticket")
async def create_socket_ticket(services: ServicesInRequest, agent: ByAgentToken) -> TicketResponse:
    """Returns a ticket for the agent socket, good once and for half a minute: `GET /v1/agent/socket?ticket=...`."""
    return TicketResponse(ticket=socket_ticket(services, agent), expires_in=int(TICKET_LIFE.total_seconds()))


@router.websocket("/socket")
async def agent_socket(
    websocket: WebSocket, services: ServicesInRequest, ticket: str = "", after: int | None = None
) -> None:
    """Serve one socket until either side closes it or the agent token expires.

    A browser can send nothing but an address, so it has a ticket there; other clients send the agent token in a header. A
    socket is refused before it opens: clients reconnect without pause to sockets that open and close again.
    """
    try:
        async with services.limits.checking_token(websocket):
            signed_in = await _signed_in(websocket, services, ticket)
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
    subscriber = AgentEventSubscriber(DeskId(agent, signed_in.identity), socket.frames, socket.close, after)
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


async def _signed_in(websocket: WebSocket, services: Services, ticket: str) -> SignedInAgent:
    if ticket:
        return await use_socket_ticket(services, ticket)
    scheme, _, bearer = websocket.headers.get("authorization", "").partition(" ")
    return await read_agent_token(services, bearer.strip() if scheme.lower() == "bearer" else "")


def _is_ping(text: str | None) -> bool:
    try:
        frame = json.loads(text or "")
    except (ValueError, RecursionError):
        return False
    return isinstance(frame, dict) and frame.get("type") == "ping"  # pyright: ignore[reportUnknownMemberType]
