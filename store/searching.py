"""Finding contacts: by time, by what they are, and by the attributes of their conversation.

Pages continue behind the last contact of the page before, so that what is added or ends meanwhile neither repeats nor
hides what has not changed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, and_, column, exists, func, literal, not_, or_, select, tuple_

from store import schema
from store.conversations import contact_of, select_contacts
from store.database import Database
from store.records import StoredContact, StoredConversation

_contacts = schema.contacts.c
_conversations = schema.conversations.c

Moment = Literal["initiated_at", "enqueued_at", "agent_connected_at", "ended_at"]
"""An instant of a contact's life; all but the first may be still to come."""


class AttributeCriterion(NamedTuple):
    """True of a conversation whose attribute `key` is one of `values`, to the letter; of none, when there are none."""

    key: str
    values: Collection[str]


@dataclass(frozen=True, slots=True)
class Search:
    """What to find, and in which order. An empty collection restricts nothing."""

    instance: str
    moment: Moment
    since: datetime
    """The first instant of the range."""
    until: datetime
    """The last instant of the range; it belongs to it."""
    agents: Collection[str] = ()
    queues: Collection[str] = ()
    methods: Collection[str] = ()
    attributes: Collection[AttributeCriterion] = ()
    match: Literal["all", "any", "none"] = "all"
    """How many of the criteria of `attributes` must be true."""
    order: Moment = "initiated_at"
    ascending: bool = False


class Mark(NamedTuple):
    """The place of a contact in the order of a search: its instant there, None where that is still to come, and its id."""

    at: datetime | None
    contact_id: str


async def find_contacts(
    db: Database, search: Search, limit: int, after: Mark | None = None
) -> list[tuple[StoredContact, StoredConversation]]:
    """At most `limit` contacts behind a mark, with their conversations; those without the instant come last, either way."""
    query = _matching(db, select_contacts(), search)
    if after is not None:
        query = query.where(_behind(search, after))
    at, contact_id = _contacts[search.order], _contacts.id
    direction = (at, contact_id) if search.ascending else (at.desc(), contact_id.desc())
    # the databases do not agree on where to put what is still to come; but to name it keeps an index from being used
    order = (at.is_(None), *direction) if _may_be_missing(search) else direction
    async with db.read() as connection:
        rows = (await connection.execute(query.order_by(*order).limit(limit))).mappings().all()
    return [contact_of(row) for row in rows]


async def count_contacts(db: Database, search: Search) -> int:
    """How many contacts a search finds on all its pages."""
    query = select(func.count()).select_from(schema.contacts)
    query = query.join(schema.conversations, _conversations.id == _contacts.conversation_id)
    async with db.read() as connection:
        return (await connection.execute(_matching(db, query, search))).scalar_one()


def mark_of(search: Search, contact: StoredContact) -> Mark:
    """The place of a contact that a search found."""
    return Mark(getattr(contact, search.order), contact.id)


def _matching(db: Database, query: Select[*tuple[Any, ...]], search: Search) -> Select[*tuple[Any, ...]]:
    moment = _contacts[search.moment]
    query = query.where(_conversations.instance == search.instance, moment >= search.since, moment <= search.until)
    for wanted, found in (
        (search.agents, _contacts.agent_user),
        (search.queues, _contacts.queue),
        (search.methods, _contacts.initiation_method),
    ):
        if wanted:
            query = query.where(found.in_(wanted))
    if search.attributes:
        criteria = [_has(db, criterion) for criterion in search.attributes]
        combined = and_(*criteria) if search.match == "all" else or_(*criteria)
        query = query.where(not_(combined) if search.match == "none" else combined)
    return query


def _has(db: Database, criterion: AttributeCriterion) -> ColumnElement[bool]:
    # a path to the key (`->`) would have to be quoted, and SQLite knows no way to quote every key
    entries = func.json_each_text if db.is_postgres else func.json_each
    entry = entries(_conversations.attributes).table_valued(column("key", Text), column("value", Text))
    return exists().where(entry.c.key == criterion.key, entry.c.value.in_(criterion.values))


def _behind(search: Search, mark: Mark) -> ColumnElement[bool]:
    at, contact_id = _contacts[search.order], _contacts.id
    if mark.at is None:
        further = contact_id > mark.contact_id if search.ascending else contact_id < mark.contact_id
        return and_(at.is_(None), further)
    here, there = tuple_(at, contact_id), tuple_(literal(mark.at, schema.Instant()), literal(mark.contact_id))
    further = here > there if search.ascending else here < there
    return or_(further, at.is_(None)) if _may_be_missing(search) else further


def _may_be_missing(search: Search) -> bool:
    return search.order != search.moment and bool(_contacts[search.order].nullable)
