"""Credentials that are good once: socket URLs, tickets of agents, and the signatures of requests that change something.

Their uses are in the store, so that they are good once in all processes and after a restart. That costs one small write for each
socket and each signed request; a memory of each process would let a token be used once in each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from runtime.periodic import PeriodicTask, PeriodicTasks
from store import single_uses
from store.database import Database

CLEANUP_EVERY = timedelta(minutes=10)

MAX_ID_LENGTH = 64
"""Characters of an id, as in the store."""


class SingleUse(PeriodicTasks):
    """The used credentials of all processes. Those that have expired are deleted in the background."""

    def __init__(self, db: Database) -> None:
        self._db = db
        super().__init__(PeriodicTask("delete used credentials", self._delete_expired, CLEANUP_EVERY))

    async def take(self, id: str, expires_at: datetime) -> bool:
        """Use a credential. Returns whether this is its first use.

        Args:
            id: names the credential; at most `MAX_ID_LENGTH` characters.
            expires_at: until when it would be valid.
        """
        return await single_uses.take(self._db, id, expires_at)

    async def take_attempt(self, id: str, attempt: str, life: timedelta) -> timedelta | None:
        """Use an attempt of a request. Each attempt is good once.

        Args:
            id: names the request; at most `MAX_ID_LENGTH` / 2 characters, as is the attempt.
            attempt: names the attempt.
            life: how long they are remembered.

        Returns:
            How long ago the first attempt was; None when this one was used before.
        """
        expires_at = datetime.now(UTC) + life
        first = await single_uses.take_variant(self._db, id, attempt, expires_at)
        return None if first is None else expires_at - first

    async def take_token(self, claims: Mapping[str, Any]) -> bool:
        """Use a token that is good once. Returns whether this is its first use; False also when it has no id of its own."""
        id, end = claims.get("jti"), datetime.fromtimestamp(claims["exp"], UTC)
        return isinstance(id, str) and len(id) <= MAX_ID_LENGTH and await self.take(id, end)

    async def _delete_expired(self) -> None:
        await single_uses.delete_expired(self._db, datetime.now(UTC))
