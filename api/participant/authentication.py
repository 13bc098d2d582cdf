"""Authentication of participants, by the bearer token of the request alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from api.dependencies import Services, ServicesInRequest
from api.tokens import TokenKind
from domain.errors import AccessDenied
from realtime.sessions import Session
from runtime.logs import CONTACT, INSTANCE


def participant_token(services: Services, participant_id: str, conversation_id: str) -> str:
    """Return a token with which a participant's client creates connections, any number of times."""
    return services.tokens.make(
        TokenKind.PARTICIPANT, participant_id, services.settings.participant_token_life, chat=conversation_id
    )


async def _participant(request: Request, services: ServicesInRequest) -> Session:
    # read anew: the answer is how a disconnected client learns of the end of its chat
    return await _session(request, services, TokenKind.PARTICIPANT, services.sessions.read)


async def _connection(request: Request, services: ServicesInRequest) -> Session:
    return await _session(request, services, TokenKind.CONNECTION, services.sessions.find)


async def _session(
    request: Request, services: Services, kind: TokenKind, find: Callable[[str, str], Awaitable[Session | None]]
) -> Session:
    token = request.headers.get("x-amz-bearer")
    if not token:
        raise AccessDenied("The X-Amz-Bearer header is missing.")
    async with services.limits.checking_token(request):
        claims = services.tokens.verify(kind, token)
    await services.limits.take_for_participant(request.scope["path"], claims["sub"])
    session = await find(claims["sub"], claims.get("chat", ""))
    if session is None:
        raise AccessDenied(f"The {kind} token's participant does not exist.")
    INSTANCE.set(session.conversation.instance)
    CONTACT.set(session.contact_id)
    return session


ByParticipantToken = Annotated[Session, Depends(_participant)]
ByConnectionToken = Annotated[Session, Depends(_connection)]
