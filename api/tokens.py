"""Signed tokens: JWTs (HS256) that identify a participant, an agent, a conversation, or a page of results.

The first key signs, every key verifies: to rotate keys, put a new one in front. Tokens contain ids only, no messages and no names
of persons.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import inf
from pathlib import Path
from secrets import token_urlsafe
from time import time
from typing import Any

import jwt

from domain.errors import AccessDenied

_ALGORITHM = "HS256"

REMEMBERED_TOKENS = 10_000


class TokenKind(StrEnum):
    """Purpose of a token. A token of one kind is never accepted as another."""

    PARTICIPANT = "participant"
    CONNECTION = "connection"
    SOCKET = "socket"
    AGENT = "agent"
    PAGE = "page"
    RECONNECT = "reconnect"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes and verifies tokens with a set of keys. Remembers the tokens that were valid, because clients repeat them."""

    keys: tuple[str, ...]
    _valid: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict, compare=False, repr=False)

    def make(self, kind: TokenKind, subject: str, life: timedelta | None = None, **claims: Any) -> str:
        """Return a token for `subject`. It expires after `life`; None means never."""
        body = {"typ": kind.value, "sub": subject, **claims}
        if life is not None:
            body["exp"] = datetime.now(UTC) + life
        return jwt.encode(body, self.keys[0], _ALGORITHM, headers={"kid": _key_id(self.keys[0])})

    def verify(self, kind: TokenKind, token: str) -> dict[str, Any]:
        """Verify a token, and return its claims.

        Raises:
            AccessDenied: the token is not signed with one of the keys, is of another kind, or has expired.
        """
        body = self._valid.get(token) or self._decode(kind, token)
        if body.get("exp", inf) <= time():
            raise AccessDenied(f"The {kind} token has expired.")
        if body["typ"] != kind:
            raise AccessDenied(f"This is a {body['typ']} token, not a {kind} token.")
        return body

    def _decode(self, kind: TokenKind, token: str) -> dict[str, Any]:
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            key = next(key for key in self.keys if _key_id(key) == key_id)
            body: dict[str, Any] = jwt.decode(token, key, [_ALGORITHM], options={"require": ["typ", "sub"]})
        except jwt.ExpiredSignatureError:
            raise AccessDenied(f"The {kind} token has expired.") from None
        except (jwt.InvalidTokenError, StopIteration):
            raise AccessDenied(f"The {kind} token is not valid.") from None
        self._valid[token] = body
        if len(self._valid) > REMEMBERED_TOKENS:
            self._valid.popitem(last=False)
        return body


def token_keys(configured: tuple[str, ...], data_dir: Path) -> tuple[str, ...]:
    """Return the configured keys. Without any, return the key of this data folder, which is created once."""
    if configured:
        return configured
    path = data_dir / "token.key"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{token_urlsafe(8)}")
        temporary.write_text(token_urlsafe(48))
        temporary.chmod(0o600)
        with suppress(FileExistsError):  # another process was first; its key is used
            path.hardlink_to(temporary)
        temporary.unlink()
    return (path.read_text(),)


def _key_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]
