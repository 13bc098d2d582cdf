"""Identities of agents. Tokens name an identity and end with it, because a user's name can be given to another agent later.

An agent's identity begins with the first sign-in. It ends when the agent is taken out of the configuration, and is never used
again: an agent who is configured anew under the same name has another one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, bindparam, delete, select

from store import schema
from store.database import Database
from store.pairs import PAIRS, among_pairs
from store.transaction import Transaction

_identities = schema.agent_identities.c
_ONE = select(_identities.id).where(
    _identities.instance == bindparam("instance"), _identities.user == bindparam("user")
)


async def find_identity(db: Database, instance: str, user: str) -> str | None:
    """The present identity of an agent; None when the agent has none."""
    found = await db.rows(_ONE, {"instance": instance, "user": user})
    return found[0][0] if found else None


async def find_identities(db: Database, agents: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """The present identities of agents, by instance and user; agents without one are missing."""
    rows = await db.rows(_many(postgres=db.is_postgres), {PAIRS: list(agents)})
    return {(instance, user): id for instance, user, id in rows}


async def begin_identity(db: Database, instance: str, user: str) -> str:
    """The present identity of an agent, or a new one."""
    if found := await find_identity(db, instance, user):
        return found
    row = {"instance": instance, "user": user, "id": uuid4().hex}
    async with db.write() as connection:
        await db.insert_new(connection, schema.agent_identities, [row])
        return (await connection.execute(_ONE, {"instance": instance, "user": user})).scalar_one()


async def end_identities(connection: Transaction, instance: str, users: Iterable[str]) -> None:
    """Ends the identities of agents, within the caller's transaction. Agents without one are ignored."""
    this_agent = (_identities.instance == instance, _identities.user == bindparam("where_user"))
    rows = [{"where_user": user} for user in sorted(users)]
    if rows:
        await connection.execute(delete(schema.agent_identities).where(*this_agent), rows)


async def end_identities_except(connection: Transaction, instance: str, users: Collection[str]) -> None:
    """Ends the identities of all agents of an instance but these, within the caller's transaction."""
    query = select(_identities.user).where(_identities.instance == instance)
    present = set((await connection.execute(query)).scalars())
    await end_identities(connection, instance, present.difference(users))


@cache
def _many(*, postgres: bool) -> Select[*tuple[Any, ...]]:
    query = select(_identities.instance, _identities.user, _identities.id)
    return among_pairs(query, _identities.instance, _identities.user, postgres=postgres)
