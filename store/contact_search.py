"""Contact search: by time, by agent, queue and initiation method, and by the attributes of the conversation.

A page continues after the last contact of the page before it. So contacts that begin or end in the meantime neither repeat nor
hide the others.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, and_, column, exists, func, literal, not_, or_, select, tuple_

from store import schema
from store.database import Database
from store.records import StoredContact, StoredConversation
from store.rows import contact_of, select_contacts

_contacts = schema.contacts.c
_conversations = schema.conversations.c

ContactInstant = Literal["initiated_at", "enqueued_at", "agent_connected_at", "ended_at"]
"""The instants of a contact by which a search filters and sorts. All but `initiated_at` may be None."""


class AttributeCriterion(NamedTuple):
    """Matches a conversation whose attribute `key` equals one of `values` exactly. Without values it matches none."""

    key: str
    values: Collection[str]


@dataclass(frozen=True, slots=True)
class ContactSearch:
    """The filters and the order of a search. An empty collection does not filter.

    Attributes:
        moment: the instant that must be between `since` and `until`, both inclusive.
        methods: initiation methods.
        match: whether all, any or none of the criteria in `attributes` must match.
        order: the instant by which the contacts are sorted; contacts without it come last in both directions.
    """

    instance: str
    moment: ContactInstant
    since: datetime
    until: datetime
    agents: Collection[str] = ()
    queues: Collection[str] = ()
    methods: Collection[str] = ()
    attributes: Collection[AttributeCriterion] = ()
    match: Literal["all", "any", "none"] = "all"
    order: ContactInstant = "initiated_at"
    ascending: bool = False


class SearchPosition(NamedTuple):
    """The position of a contact in the order of a search: the instant, None when the contact does not have it, and the id."""

    at: datetime | None
    contact_id: str


async def find_contacts(
    db: Database, search: ContactSearch, limit: int, after: SearchPosition | None = None
) -> list[tuple[StoredContact, StoredConversation]]:
    """One page of a search: at most `limit` contacts, with their conversations.

    Args:
        after: the position of the last contact of the page before; None for the first page.
    """
    query = _filtered(db, select_contacts(), search if after is None else _rest(search, after))
    if after is not None:
        query = query.where(_is_after(search, after))
    at, contact_id = _contacts[search.order], _contacts.id
    direction = (at, contact_id) if search.ascending else (at.desc(), contact_id.desc())
    # the databases sort NULLs differently. The additional sort key prevents the use of an index, so it is added only if needed
    order = (at.is_(None), *direction) if _may_be_null(search) else direction
    async with db.read() as connection:
        rows = (await connection.execute(query.order_by(*order).limit(limit))).mappings().all()
    return [contact_of(row) for row in rows]


async def count_contacts(db: Database, search: ContactSearch) -> int:
    """The number of contacts on all pages of a search."""
    query = select(func.count()).select_from(schema.contacts)
    if search.attributes:
        query = query.join(schema.conversations, _conversations.id == _contacts.conversation_id)
    async with db.read() as connection:
        return (await connection.execute(_filtered(db, query, search))).scalar_one()


def search_position(search: ContactSearch, contact: StoredContact) -> SearchPosition:
    """The position of a contact that a search found."""
    return SearchPosition(getattr(contact, search.order), contact.id)


def _filtered(db: Database, query: Select[*tuple[Any, ...]], search: ContactSearch) -> Select[*tuple[Any, ...]]:
    instant = _contacts[search.moment]
    query = query.where(_contacts.instance == search.instance, instant >= search.since, instant <= search.until)
    for wanted, stored in (
        (search.agents, _contacts.agent_user),
        (search.queues, _contacts.queue),
        (search.methods, _contacts.initiation_method),
    ):
        if wanted:
            query = query.where(stored.in_(wanted))
    if search.attributes:
        criteria = [_matches(db, criterion) for criterion in search.attributes]
        combined = and_(*criteria) if search.match == "all" else or_(*criteria)
        query = query.where(not_(combined) if search.match == "none" else combined)
    return query


def _matches(db: Database, criterion: AttributeCriterion) -> ColumnElement[bool]:
    # a JSON path (`->`) would need quoting, and in SQLite not every key can be quoted
    entries = func.json_each_text if db.is_postgres else func.json_each
    entry = entries(_conversations.attributes).table_valued(column("key", Text), column("value", Text))
    return exists().where(entry.c.key == criterion.key, entry.c.value.in_(criterion.values))


def _rest(search: ContactSearch, position: SearchPosition) -> ContactSearch:
    """The search without the time before a position. Else SQLite reads the pages before it again."""
    if position.at is None or search.order != search.moment:
        return search
    return replace(search, since=position.at) if search.ascending else replace(search, until=position.at)


def _is_after(search: ContactSearch, position: SearchPosition) -> ColumnElement[bool]:
    at, contact_id = _contacts[search.order], _contacts.id
    if position.at is None:
        is_after = contact_id > position.contact_id if search.ascending else contact_id < position.contact_id
        return and_(at.is_(None), is_after)
    row, start = tuple_(at, contact_id), tuple_(literal(position.at, schema.Instant()), literal(position.contact_id))
    is_after = row > start if search.ascending else row < start
    return or_(is_after, at.is_(None)) if _may_be_null(search) else is_after


def _may_be_null(search: ContactSearch) -> bool:
    return search.order != search.moment and bool(_contacts[search.order].nullable)
