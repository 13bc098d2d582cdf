"""Request bodies of the desk, and how they are shown in the API's description."""

from __future__ import annotations

from typing import Annotated

from annotated_types import MaxLen, MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.wire import Text
from store.board.values import Presence

MOST_NOTE = 4_096
"""Characters of a note."""

User = Annotated[Text, MinLen(1), MaxLen(256)]
Queue = Annotated[Text, MinLen(1), MaxLen(256)]


def _says_something(text: str) -> str:
    if not text.strip():
        raise ValueError("must say something")
    return text


class TransferTo(BaseModel):
    """To whom a contact goes: a queue or an agent of the same instance."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"user": "a2"}})

    queue: Queue | None = None
    user: User | None = None


class SetPresence(BaseModel):
    """What an agent is from now on or, with `when_free`, once nothing takes their capacity any more."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"example": {"presence": "away", "when_free": True}}
    )

    presence: Presence
    when_free: Annotated[bool, Field(strict=True)] = False


class AssignTo(BaseModel):
    """Which agent gets a contact."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, json_schema_extra={"example": {"user": "a2"}})

    user: User


class Note(BaseModel):
    """What is noted about a contact, for agents only."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, json_schema_extra={"example": {"text": "Wants to be called back."}}
    )

    text: Annotated[Text, MaxLen(MOST_NOTE), AfterValidator(_says_something)]
