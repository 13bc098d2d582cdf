"""Signed tokens: JWTs (HS256) that identify a participant, an agent, a conversation, or a page of results.

The first key signs, every key verifies: to rotate keys, put a new one in front. Tokens contain ids only, no messages and no names
of persons.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from secrets import token_urlsafe
from time import time
from typing import Any

import jwt

from domain.errors import AccessDenied, UnknownToken
from runtime.errors import StartupError
from runtime.settings import MIN_KEY_LENGTH

_ALGORITHM = "HS256"

REMEMBERED_TOKENS = 10_000


class TokenKind(StrEnum):
    """Purpose of a token. A token of one kind is never accepted as another."""

    PARTICIPANT = "participant"
    CONNECTION = "connection"
    SOCKET = "socket"
    AGENT = "agent"
    TICKET = "ticket"
    PAGE = "page"
    RECONNECT = "reconnect"
    CONTINUE = "continue"
    UPLOAD = "upload"
    DOWNLOAD = "download"


WITHOUT_END = frozenset({TokenKind.PAGE, TokenKind.RECONNECT})
"""Tokens that open nothing by themselves: a position in a transcript, and a chat to which a backend may let a customer return."""

LONGEST_LIFE = timedelta(days=366)
"""No token is valid for longer. A leap year fits."""

MAX_LENGTH = 4_000
MAX_HEADER_LENGTH = 200
"""Characters of a token, and of its header, that are read at most. Ours have about 400 and 70."""


class Tokens:
    """Makes and verifies tokens with a set of keys. Remembers the tokens that were valid, because clients repeat them."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys
        self._valid: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def replace_keys(self, keys: tuple[str, ...]) -> bool:
        """Use these keys from now on. Returns whether they differ from the present ones."""
        is_change = keys != self.keys
        if is_change:
            self.keys = keys
            self._valid.clear()
        return is_change

    def make(self, kind: TokenKind, subject: str, life: timedelta | None = None, **claims: Any) -> str:
        """Return a token for `subject`. It expires after `life`; None means never, which only kinds of `WITHOUT_END` may."""
        body = {"typ": kind.value, "sub": subject, **claims}
        if life is not None:
            body["exp"] = datetime.now(UTC) + life
        return jwt.encode(body, self.keys[0], _ALGORITHM, headers={"kid": _key_id(self.keys[0])})

    def verify(self, kind: TokenKind, token: str) -> dict[str, Any]:
        """Verify a token, and return its claims.

        Raises:
            AccessDenied: the token is not signed with one of the keys, is of another kind, has expired, or has no proper end.
        """
        body = self._valid.get(token) or self._decode(kind, token)
        if body["typ"] != kind:
            raise AccessDenied(f"This is a {body['typ']} token, not a {kind} token.")
        if kind not in WITHOUT_END or "exp" in body:
            _require_end(kind, body.get("exp"))
        return body

    def _decode(self, kind: TokenKind, token: str) -> dict[str, Any]:
        header = token.partition(".")[0]
        try:
            # before anything is read: a header can be nested a hundred thousand deep
            if len(token) > MAX_LENGTH or len(header) > MAX_HEADER_LENGTH:
                raise jwt.InvalidTokenError
            key_id = jwt.get_unverified_header(token).get("kid")
            key = next(key for key in self.keys if _key_id(key) == key_id)
            # `verify` checks the end itself: the library takes a text or 1e300 for an instant
            options: Any = {"require": ["typ", "sub"], "verify_exp": False}
            body: dict[str, Any] = jwt.decode(token, key, [_ALGORITHM], options=options)
        except (jwt.InvalidTokenError, StopIteration, RecursionError):
            raise UnknownToken(f"The {kind} token is not valid.") from None
        self._valid[token] = body
        if len(self._valid) > REMEMBERED_TOKENS:
            self._valid.popitem(last=False)
        return body


def _require_end(kind: TokenKind, end: object) -> None:
    now = time()
    if not isinstance(end, int) or isinstance(end, bool) or end > now + LONGEST_LIFE.total_seconds():
        raise AccessDenied(f"The {kind} token has no proper end.")
    if end <= now:
        raise AccessDenied(f"The {kind} token has expired.")


def token_keys(configured: tuple[str, ...], data_dir: Path) -> tuple[str, ...]:
    """Return the configured keys. Without any, return the key of this data folder, which is created once.

    Raises:
        StartupError: the key of the data folder is too short, or cannot be read or written.
    """
    if configured:
        return configured
    path = data_dir / "token.key"
    try:
        if not path.exists():
            _create_key(path)
        key = path.read_text()
    except (OSError, ValueError) as error:  # ValueError: it is not UTF-8
        reason = error.strerror if isinstance(error, OSError) else "it is not a text"
        raise StartupError(
            f"the token key {path} cannot be used ({reason}); delete it, and a new one is made"
        ) from None
    if len(key.strip()) < MIN_KEY_LENGTH:
        raise StartupError(
            f"the token key {path} is shorter than {MIN_KEY_LENGTH} characters; restore it, or delete it: "
            "then a new one is made, and the tokens of the old one are refused"
        )
    return (key,)


def _create_key(path: Path) -> None:
    """Write a new key, so that a power cut leaves the whole file or none. If another process is first, its key stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{token_urlsafe(8)}")
    with temporary.open("x") as file:
        temporary.chmod(0o600)
        file.write(token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        path.hardlink_to(temporary)
    temporary.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _key_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]
