"""`ClientToken`: a request that is repeated under the same token creates nothing new, and another request is refused.

A token counts for seven days, as on AWS. The use of a token is stored with a digest of the request, before anything is created.
Messages need no such row: the id of a message derives from its token, and a repeat is compared with the recorded message.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4, uuid5

from pydantic import BaseModel

from domain.errors import InvalidValue, LimitReached, MalformedRequest, NotFound, QuotaExceeded, TokenReused
from runtime.periodic import PeriodicTask, PeriodicTasks
from store import client_tokens as store
from store.client_tokens import TokenUse
from store.database import Database

TOKEN_LIFE = timedelta(days=7)
"""How long a token counts (connect, StartOutboundChatContact)."""

CLEANUP_EVERY = timedelta(hours=1)

_REFUSALS = (InvalidValue, LimitReached, MalformedRequest, NotFound, QuotaExceeded)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request under a token. `token_id` is None when it has none."""

    token_id: str | None
    digest: str


def token_request(
    namespace: UUID, body: BaseModel, client_token: str | None, *, scope: str, without: frozenset[str] = frozenset()
) -> TokenRequest:
    """Return what identifies a request under a token.

    Args:
        namespace: separates the tokens of different operations.
        body: the request.
        client_token: its `ClientToken`; None or empty means none.
        scope: within what the token is unique, such as an instance.
        without: the members that may differ in a repeat, because they say nothing about what is created.
    """
    if not client_token:
        return TokenRequest(None, "")
    content = body.model_dump(mode="json", exclude={"client_token", *without})
    digest = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return TokenRequest(str(uuid5(namespace, f"{scope}/{client_token}")), digest)


def item_id_of(namespace: UUID, client_token: str | None) -> str:
    """Return the id of the message with a token: the same one for ever. Without a token (None or empty) it is random."""
    return str(uuid5(namespace, client_token)) if client_token else str(uuid4())


class ClientTokens(PeriodicTasks):
    """The tokens of all processes. Those that no longer count are deleted in the background."""

    def __init__(self, db: Database) -> None:
        self._db = db
        super().__init__(PeriodicTask("delete old client tokens", self._delete_old, CLEANUP_EVERY))

    async def find(self, request: TokenRequest) -> str | None:
        """Return the id of what an earlier request under the token created; None when there was none.

        The id exists also when its creation is still under way, or was interrupted.

        Raises:
            TokenReused: the earlier request was another one.
        """
        if request.token_id is None:
            return None
        use = await store.find_use(self._db, request.token_id, _oldest())
        return use and _same(use, request)

    @asynccontextmanager
    async def claim(self, request: TokenRequest, new_id: str | None = None) -> AsyncGenerator[str, None]:
        """Yield the id for what the block creates: `new_id`, or a random one. A repeated or concurrent request gets the same one.

        A block that refuses the request forgets the token, so that a corrected request can use it. After any other error what
        was begun may still take effect, so the token counts.

        Raises:
            TokenReused: the token has been used for another request meanwhile.
        """
        if request.token_id is None:
            yield new_id or str(uuid4())
            return
        own = TokenUse(request.digest, new_id or str(uuid4()))
        use = await store.claim(self._db, request.token_id, own, datetime.now(UTC), _oldest())
        resource_id = _same(use, request)
        try:
            yield resource_id
        except _REFUSALS:
            await store.release(self._db, request.token_id, use)
            raise

    async def _delete_old(self) -> None:
        await store.delete_uses(self._db, _oldest())


def _oldest() -> datetime:
    return datetime.now(UTC) - TOKEN_LIFE


def _same(use: TokenUse, request: TokenRequest) -> str:
    if use.digest != request.digest:
        raise TokenReused
    return use.resource_id
