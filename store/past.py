"""What came before a conversation: rehydration, and the walk back through all that it continues.

Each conversation points to at most one earlier one and to the last item of it that is visible, so the whole past is one
walk backwards. A conversation of which nothing is visible is never pointed to while there is something before it, so a
page of `n` items never needs more than `n + 1` steps; and as the pointer knows how many items it makes visible, the walk
ends as soon as a page is full.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    RowMapping,
    Select,
    String,
    and_,
    bindparam,
    func,
    literal,
    select,
    update,
)

from domain.conversation import RehydratedPast
from domain.transcript import TranscriptItem
from store import schema
from store.conversations import columns, find_contact, past_columns
from store.database import Database
from store.records import StoredContact, StoredConversation

_conversations = schema.conversations.c
_contacts = schema.contacts.c
_items = schema.items.c
_AT, _UPTO = bindparam("at", type_=String), bindparam("upto", type_=BigInteger)
_WANTED = bindparam("wanted", type_=BigInteger)


class Place(NamedTuple):
    """A position in the past: an item of an earlier conversation, which itself belongs to what follows."""

    conversation_id: str
    seq: int


class PastItem(NamedTuple):
    """An item with the conversation it stands in."""

    conversation_id: str
    item: TranscriptItem


async def past_from(
    db: Database, instance: str, contact_id: str
) -> tuple[StoredContact, StoredConversation, RehydratedPast] | None:
    """The past that begins with a contact and leaves out the legs after it.

    Where nothing is visible of the contact's conversation, it goes on with what that one continues itself.
    """
    found = await find_contact(db, instance, contact_id)
    if found is None:
        return None
    contact, conversation = found
    visible = select(func.max(_items.seq), func.count()).where(_items.conversation_id == conversation.id)
    if contact.last_seq is not None:
        visible = visible.where(_items.seq <= contact.last_seq)
    before = select(_conversations.past_id, _conversations.past_seq, _conversations.past_items)
    async with db.read() as connection:
        seq, count = (await connection.execute(visible)).one()
        end: tuple[str, int, int] = (conversation.id, seq or 0, count)
        if not count and conversation.past_id is not None:
            row = (await connection.execute(before.where(_conversations.id == conversation.id))).one()
            end = (row.past_id, row.past_seq, row.past_items)
    past = RehydratedPast(
        contact_id=contact.id,
        association_id=conversation.association_id or conversation.id,
        conversation_id=end[0],
        seq=end[1],
        items=end[2],
    )
    return contact, conversation, past


async def last_ended_contact(db: Database, conversation_id: str) -> str | None:
    """The contact of a conversation that ended last. Of those that ended in the same millisecond it is the latest leg."""
    query = (
        select(_contacts.id)
        .where(_contacts.conversation_id == conversation_id, _contacts.ended_at.is_not(None))
        .order_by(_contacts.ended_at.desc(), _contacts.last_seq.desc().nulls_first(), _contacts.initiated_at.desc())
        .limit(1)
    )
    async with db.read() as connection:
        return (await connection.execute(query)).scalar_one_or_none()


async def associate(db: Database, conversation_id: str, past: RehydratedPast, inherited: Mapping[str, str]) -> bool:
    """Lets a running conversation continue a past, unless it continues one already; its own attributes win.

    Returns:
        False when it has a past, or a related contact, already, or when it has ended.
    """
    free = (
        _conversations.id == conversation_id,
        _conversations.continued_from.is_(None),
        # what has ended can be continued: a past that it got afterwards could lead back to itself
        _conversations.ended_at.is_(None),
        ~select(_contacts.id)
        .where(_contacts.id == conversation_id, _contacts.related_contact_id.is_not(None))
        .exists(),
    )
    async with db.write() as connection:
        query = select(_conversations.attributes).where(*free).with_for_update()
        own = (await connection.execute(query)).scalar_one_or_none()
        if own is None:
            return False
        await connection.execute(
            update(schema.conversations)
            .where(_conversations.id == conversation_id)
            .values(**past_columns(past), attributes={**inherited, **own}, updated_at=datetime.now(UTC))
        )
        await connection.execute(
            update(schema.contacts).where(_contacts.id == conversation_id).values(related_contact_id=past.contact_id)
        )
    return True


async def page_of_past(db: Database, start: Place, limit: int) -> tuple[list[PastItem], Place | None]:
    """At most `limit` items of the past from a place on, the latest first, and the place where the next page starts.

    One query, however long the past is. A page is shorter than `limit` only where the past ends.
    """
    values = {"at": start.conversation_id, "upto": start.seq, "wanted": limit + 1}
    async with db.read() as connection:
        rows = (await connection.execute(_PAGE, values)).mappings().all()
    page = [PastItem(row["walked_id"], _item(row)) for row in rows if row["id"] is not None]
    if len(page) > limit:
        return page[:limit], Place(page[limit].conversation_id, page[limit].item.seq)
    past_id, past_seq = (rows[-1]["past_id"], rows[-1]["past_seq"]) if rows else (None, None)
    return page, Place(past_id, past_seq) if past_id and past_seq else None


def _item(row: RowMapping) -> TranscriptItem:
    return TranscriptItem(**{name: row[name] for name in TranscriptItem.model_fields})


def _page() -> Select[*tuple[Any, ...]]:
    """The conversations from a place back until they hold as many items as wanted, and the latest `wanted` of each.

    The first three columns are the conversation and what it continues; a conversation without items has a row as well.
    """
    walk = _walk()
    shown = and_(_items.conversation_id == walk.c.id, _items.seq.between(walk.c.lowest, walk.c.seq))
    return (
        select(walk.c.id.label("walked_id"), walk.c.past_id, walk.c.past_seq, *columns(schema.items, TranscriptItem))
        .select_from(walk.outerjoin(schema.items, shown))
        .order_by(walk.c.step, _items.seq.desc())
    )


def _walk() -> CTE:
    """The conversations from a place back until they hold as many items as wanted, each with the numbers to show of it."""
    first, earlier = schema.conversations, schema.conversations.alias("earlier")
    own = _below(_AT, _UPTO).limit(_WANTED).subquery("own")
    walk = (
        select(
            first.c.id,
            _UPTO.label("seq"),
            _lowest(_AT, _UPTO).label("lowest"),
            select(func.count()).select_from(own).scalar_subquery().label("total"),
            literal(0).label("step"),
            first.c.past_id,
            first.c.past_seq,
            first.c.past_items,
        )
        .where(first.c.id == _AT)
        .cte("walk", recursive=True)
    )
    return walk.union_all(
        select(
            earlier.c.id,
            walk.c.past_seq,
            _lowest(earlier.c.id, walk.c.past_seq),
            walk.c.total + walk.c.past_items,
            walk.c.step + 1,
            earlier.c.past_id,
            earlier.c.past_seq,
            earlier.c.past_items,
        )
        .join(earlier, earlier.c.id == walk.c.past_id)
        .where(walk.c.total < _WANTED)
    )


def _lowest(conversation_id: ColumnElement[str], upto: ColumnElement[int]) -> ColumnElement[int]:
    """How far down `wanted` items reach. Numbers may have gaps, so that cannot be calculated."""
    return func.coalesce(_below(conversation_id, upto).limit(1).offset(_WANTED - 1).scalar_subquery(), 0)


def _below(conversation_id: ColumnElement[str], upto: ColumnElement[int]) -> Select[int]:
    below = schema.items.alias("below").c
    query = select(below.seq).where(below.conversation_id == conversation_id, below.seq <= upto)
    return query.order_by(below.seq.desc())


_PAGE = _page()
"""Built once: putting it together takes longer than running it."""
