"""Who speaks on the participant plane: proved by the bearer token alone, whatever else the request carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.services import Parts, Services
from api.tokens import Kind
from domain.errors import AccessDenied, ConversationEnded
from store import conversations
from store.records import Conversation, Participant


@dataclass(frozen=True, slots=True)
class Session:
    """A participant of a conversation, and the conversation's latest contact."""

    participant: Participant
    conversation: Conversation
    contact_id: str

    def must_go_on(self) -> None:
        """Refuses what can only be done in a chat that goes on, by somebody who has not left it.

        Raises:
            ConversationEnded: it does not.
        """
        if self.conversation.ended_at is not None or self.participant.left_at is not None:
            raise ConversationEnded


def participant_token(parts: Services, participant_id: str, conversation_id: str) -> str:
    """A token with which a participant's client obtains connections, again and again."""
    return parts.tokens.make(
        Kind.PARTICIPANT, participant_id, parts.settings.participant_token_life, chat=conversation_id
    )


async def _participant(request: Request, parts: Parts) -> Session:
    return await _session(request, parts, Kind.PARTICIPANT)


async def _connection(request: Request, parts: Parts) -> Session:
    return await _session(request, parts, Kind.CONNECTION)


async def _session(request: Request, parts: Services, kind: Kind) -> Session:
    token = request.headers.get("x-amz-bearer")
    if not token:
        raise AccessDenied("The X-Amz-Bearer header is missing.")
    claims = parts.tokens.read(kind, token)
    found = await conversations.find_participant(parts.db, claims["sub"])
    if found is None or found[1].id != claims.get("chat"):
        raise AccessDenied(f"The {kind} token's participant does not exist.")
    return Session(*found)


ByParticipantToken = Annotated[Session, Depends(_participant)]
ByConnectionToken = Annotated[Session, Depends(_connection)]
