"""Authentication of participants, by the bearer token of the request alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request

from api.dependencies import Services, ServicesInRequest
from api.tokens import TokenKind
from domain.errors import AccessDenied
from realtime.sessions import Session
from runtime.logs import CONTACT, INSTANCE

_AGENT = "agent"
"""The claim with the identity of an agent."""


def participant_token(
    services: Services,
    participant_id: str,
    conversation_id: str,
    agent_identity: str | None = None,
    until: datetime | None = None,
) -> str:
    """Return a token with which a participant's client creates connections, any number of times.

    Args:
        services: the parts of the process.
        participant_id: the participant.
        conversation_id: their conversation.
        agent_identity: of an agent, whose token ends with this identity; None for all others.
        until: when it must have ended. None: after `participant_token_life`, which is the longest.
    """
    life = life_until(services.settings.participant_token_life, until)
    return services.tokens.make(
        TokenKind.PARTICIPANT, participant_id, life, chat=conversation_id, **of_agent(agent_identity)
    )


def life_until(longest: timedelta, until: datetime | None) -> timedelta:
    """How long a token is valid that must have ended at an instant; None: for the longest time."""
    return longest if until is None else min(longest, until - datetime.now(UTC))


def of_agent(identity: str | None) -> dict[str, str]:
    """Return the claims that a token of an agent has, and others have not."""
    return {} if identity is None else {_AGENT: identity}


def require_same_agent(claims: Mapping[str, Any], session: Session) -> None:
    """Check that the agent whom a token names is still the agent of this participant. Other participants always pass.

    Raises:
        AccessDenied: the agent was taken out of the configuration since the token was made.
    """
    if claims.get(_AGENT) != session.agent_identity:
        raise AccessDenied("The token's agent does not exist any more.")


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
    require_same_agent(claims, session)
    request.state.valid_until = datetime.fromtimestamp(claims["exp"], UTC)
    INSTANCE.set(session.conversation.instance)
    CONTACT.set(session.contact_id)
    return session


ByParticipantToken = Annotated[Session, Depends(_participant)]
ByConnectionToken = Annotated[Session, Depends(_connection)]
