"""What browsers may do without a backend: start and continue chats, from a widget on pages of named origins."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer, StringConstraints, field_validator

from configuration.schema.sections import Identifier, LocalizedText, Positive, SettingsSection

MAX_CONTINUATION = timedelta(days=365)
"""The longest time for which a browser can prove that a chat is its own: no token is valid for much longer."""

_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?")


def _is_origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise ValueError("must be an origin like https://shop.example.org, without a path")
    return text


Origin = Annotated[str, StringConstraints(max_length=300), AfterValidator(_is_origin)]
PublicAttribute = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


class ChatPagesSettings(SettingsSection):
    """The chats that anybody with a browser may start. Without this table nobody may."""

    workstreams: tuple[Identifier, ...] = Field(min_length=1, max_length=100)
    """The workstreams whose chats may be started, in the order in which the widget shows them."""
    names: dict[Identifier, LocalizedText] = Field(default_factory=dict)
    """What the widget calls the workstreams. Without a name it says what their mode means."""
    origins: tuple[Origin, ...] = Field(default=(), max_length=100)
    """Origins whose pages may show the widget, besides the API's own."""
    attributes: Annotated[frozenset[PublicAttribute], PlainSerializer(sorted, when_used="json")] = frozenset()
    """The attributes that a browser may set."""
    continue_within: Positive = timedelta(days=90)
    """How long after its start a chat can be continued from the browser that has started it."""

    @field_validator("continue_within")
    @classmethod
    def _is_a_year_at_most(cls, value: timedelta) -> timedelta:
        if value > MAX_CONTINUATION:
            raise ValueError(f"must be at most {MAX_CONTINUATION.days} days")
        return value
