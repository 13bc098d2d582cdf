"""Request bodies of the agent API, with their examples."""

from __future__ import annotations

from typing import Annotated

from annotated_types import MaxLen, MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from domain.routing import AgentStatus
from wire.models import OrDefault, Text

MAX_NOTE_LENGTH = 4_096
"""Maximum characters of a note."""

User = Annotated[Text, MinLen(1), MaxLen(256)]
Queue = Annotated[Text, MinLen(1), MaxLen(256)]


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


class SignInRequest(BaseModel):
    """The agent who signs in."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, json_schema_extra={"example": {"instance": "demo", "user": "a1"}}
    )

    instance: Annotated[Text, MinLen(1), MaxLen(100)]
    user: User


class TokenExchangeRequest(BaseModel):
    """A token of the identity provider of an instance."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        json_schema_extra={"example": {"instance": "demo", "token": "eyJhbGciOi..."}},
    )

    instance: Annotated[Text, MinLen(1), MaxLen(100)]
    token: Text


class TransferRequest(BaseModel):
    """Target of a transfer: a queue or an agent of the same instance."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"user": "a2"}})

    queue: Queue | None = None
    user: User | None = None


class AgentStatusRequest(BaseModel):
    """New status of an agent. With `when_free` it applies when no contact uses the agent's capacity any more."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"example": {"status": "away", "when_free": True}}
    )

    status: AgentStatus
    when_free: OrDefault[Annotated[bool, Field(strict=True)]] = False


class AssignRequest(BaseModel):
    """The agent who gets the contact."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, json_schema_extra={"example": {"user": "a2"}})

    user: User


class NoteRequest(BaseModel):
    """A note about a contact, for agents only."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, json_schema_extra={"example": {"text": "Wants to be called back."}}
    )

    text: Annotated[Text, MaxLen(MAX_NOTE_LENGTH), AfterValidator(_not_blank)]
