"""The first use of each `ClientToken`: what was asked for under it, and what it created."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, select

from store import schema
from store.cleanup import delete_before
from store.database import Database

_tokens = schema.client_tokens.c


class TokenUse(NamedTuple):
    """The use of a token: the digest of the request, and the id of what it created."""

    digest: str
    resource_id: str


async def find_use(db: Database, token_id: str, since: datetime) -> TokenUse | None:
    """The use of a token since an instant; None when there is none."""
    query = select(_tokens.digest, _tokens.resource_id).where(_tokens.id == token_id, _tokens.used_at >= since)
    found = await db.rows(query)
    return TokenUse(*found[0]) if found else None


async def claim(db: Database, token_id: str, use: TokenUse, now: datetime, since: datetime) -> TokenUse:
    """Records the use of a token, unless it has one since an instant. Returns the use that counts."""
    row = {"id": token_id, **use._asdict(), "used_at": now}
    async with db.write() as connection:
        await connection.execute(delete(schema.client_tokens).where(_tokens.id == token_id, _tokens.used_at < since))
        if await db.insert_new(connection, schema.client_tokens, [row]):
            return use
        query = select(_tokens.digest, _tokens.resource_id).where(_tokens.id == token_id)
        return TokenUse(*(await connection.execute(query)).one())


async def release(db: Database, token_id: str, use: TokenUse) -> None:
    """Forgets a use that came to nothing, so that the token can be used again."""
    async with db.write() as connection:
        await connection.execute(
            delete(schema.client_tokens).where(_tokens.id == token_id, _tokens.resource_id == use.resource_id)
        )


async def delete_uses(db: Database, before: datetime) -> None:
    """Deletes the uses before an instant."""
    await delete_before(db, _tokens.used_at, before)
