"""Webhooks: where the events of an instance are sent."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from configuration.schema.sections import Number, SettingsSection
from configuration.schema.web_addresses import ProtectedAddress
from domain.feed import CONTACT_EVENTS, FeedEventType, is_named, types_named
from domain.webhooks import WebhookFormat

SECRET_PREFIX = "whsec_"  # noqa: S105 - the beginning of each secret
"""The beginning of secrets (Standard Webhooks 1.0)."""

MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64
"""Length of a secret (Standard Webhooks 1.0)."""


def secret_bytes(secret: str) -> bytes:
    """Return the key in a secret.

    Raises:
        ValueError: it is none of Standard Webhooks.
    """
    try:
        key = b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise ValueError(f"must be {SECRET_PREFIX} and {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} random bytes in base64")
    return key


def _is_secret(secret: str) -> str:
    secret_bytes(secret)
    return secret


def _are_types(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not types_named(name):
            raise ValueError(f"there are no events of the type {name!r}")
    return names


Secrets = tuple[Annotated[str, AfterValidator(_is_secret)], ...]


class ReceiverSettings(SettingsSection):
    """An address that gets something by POST, signed as Standard Webhooks says."""

    url: ProtectedAddress
    secrets: Secrets
    max_in_flight: int


class WebhookSettings(ReceiverSettings):
    """A webhook: an address that gets each event of the instance."""

    secrets: Annotated[Secrets, Field(min_length=1, max_length=2)]
    """The secrets that sign. Two while one takes the place of the other."""
    types: Annotated[tuple[str, ...], AfterValidator(_are_types)] = ()
    """Types of events, or their beginnings, such as `contact`. None: all."""
    content: bool = False
    """Whether messages have their text and the name of their sender."""
    max_in_flight: Annotated[int, Field(ge=1, le=50), Number] = 5
    """How many conversations have a delivery at the same time. Those of one conversation follow each other."""

    format: WebhookFormat = WebhookFormat.CLOUDEVENTS
    """The form of the events. `eventbridge` has only those that Amazon Connect knows."""

    @model_validator(mode="after")
    def _sends_something(self) -> Self:
        if not any(map(self.wants, FeedEventType)):
            raise ValueError("types: none of them is an event of Amazon Connect, as the format eventbridge needs")
        return self

    def wants(self, type: str) -> bool:
        """Whether events of a type are sent, also one that only a newer version of Perennial knows."""
        fits = self.format is not WebhookFormat.EVENTBRIDGE or type in CONTACT_EVENTS
        return fits and is_named(type, self.types)
