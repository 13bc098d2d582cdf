"""The access keys of backends: their secrets, the instances for which they are good, and what they may do there."""

from __future__ import annotations

import re
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Self

from pydantic import AfterValidator, StringConstraints, field_validator, model_validator

from configuration.schema.sections import SettingsSection


class KeyRole(StrEnum):
    """What a backend may do with an access key."""

    CHATS = "chats"
    """Start, find, change, transfer and stop chats, take part in them as a bot, and look up what they need."""

    TRANSCRIPTS = "transcripts"
    """Read the transcripts of contacts."""

    EVENTS = "events"
    """Follow the events of contacts, without texts."""

    AGENTS = "agents"
    """Sign agents in, set their status, see what they do, and close their wrap-ups."""

    ADMINISTRATION = "administration"
    """Read and change the configuration, export and delete the data of customers, and read the audit log."""


_SENDABLE = re.compile(r"[!-~]([ -~]*[!-~])?")


def _can_be_sent(secret: str) -> str:
    # clients cannot write other characters into a bearer header, and servers remove the spaces around a header
    if not _SENDABLE.fullmatch(secret):
        raise ValueError("must be of printable ASCII characters, without a space at either end")
    return secret


def _is_of_a_secret(digest: str) -> str:
    if digest == digest_of(""):
        raise ValueError("is the hash of an empty secret")
    return digest


class AccessKeySettings(SettingsSection):
    """An access key. It has either `secret` or `secret_sha256`."""

    secret: Annotated[str, StringConstraints(min_length=16), AfterValidator(_can_be_sent)] | None = None
    """Signs requests, or is sent as a bearer token. Printable ASCII characters, without a space at either end."""
    secret_sha256: (
        Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), AfterValidator(_is_of_a_secret)] | None
    ) = None
    """SHA-256 of a secret that is sent as a bearer token, in hexadecimal digits. A signature needs the secret itself. The digest
    has no salt, so the secret must be random."""
    instances: frozenset[str] = frozenset()
    """The instances for which it is good. Empty, which is only the default: all."""
    roles: frozenset[KeyRole] = frozenset(KeyRole)

    @field_validator("instances")
    @classmethod
    def _names_an_instance(cls, instances: frozenset[str]) -> frozenset[str]:
        # who writes an empty list hardly means all
        if not instances:
            raise ValueError("must name an instance; leave it out for all")
        return instances

    @model_validator(mode="after")
    def _has_one_secret(self) -> Self:
        if (self.secret is None) == (self.secret_sha256 is None):
            raise ValueError("an access key has either a secret or a secret_sha256")
        return self

    @model_validator(mode="after")
    def _has_roles(self) -> Self:
        if not self.roles:
            raise ValueError(f"roles: an access key needs at least one of {', '.join(KeyRole)}")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the secret, in hexadecimal digits."""
        return self.secret_sha256 or digest_of(self.secret or "")


def digest_of(secret: str) -> str:
    """SHA-256 of a secret, in hexadecimal digits."""
    return sha256(secret.encode()).hexdigest()
