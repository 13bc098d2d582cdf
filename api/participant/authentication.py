"""Authentication of participants, by the bearer token of the request alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.dependencies import Services, ServicesInRequest
from api.tokens import TokenKind
from domain.errors import AccessDenied, ConversationEnded
from store import conversations
from store.records import StoredConversation, StoredParticipant


@dataclass(frozen=True, slots=True)
class Session:
    """An authenticated participant, their conversation, and its latest contact."""

    participant: StoredParticipant
    conversation: StoredConversation
    contact_id: str

    def require_active(self) -> None:
        """Check that the chat has not ended and the participant has not left it.

        Raises:
            ConversationEnded: the chat has ended, or the participant has left it.
        """
        if self.conversation.ended_at is not None or self.participant.left_at is not None:
            raise ConversationEnded


def participant_token(services: Services, participant_id: str, conversation_id: str) -> str:
    """Return a token with which a participant's client creates connections, any number of times."""
    return services.tokens.make(
        TokenKind.PARTICIPANT, participant_id, services.settings.participant_token_life, chat=conversation_id
    )


async def _participant(request: Request, services: ServicesInRequest) -> Session:
    return await _session(request, services, TokenKind.PARTICIPANT)


async def _connection(request: Request, services: ServicesInRequest) -> Session:
    return await _session(request, services, TokenKind.CONNECTION)


async def _session(request: Request, services: Services, kind: TokenKind) -> Session:
    token = request.headers.get("x-amz-bearer")
    if not token:
        raise AccessDenied("The X-Amz-Bearer header is missing.")
    claims = services.tokens.verify(kind, token)
    found = await conversations.find_participant(services.db, claims["sub"])
    if found is None or found[1].id != claims.get("chat"):
        raise AccessDenied(f"The {kind} token's participant does not exist.")
    return Session(*found)


ByParticipantToken = Annotated[Session, Depends(_participant)]
ByConnectionToken = Annotated[Session, Depends(_connection)]
