"""What came before a conversation: rehydration, and the walk back through all that it continues.

Each conversation points to at most one earlier one and to the last item of it that is visible, so the whole past is one
walk backwards. A conversation that can be pointed to has at least one item, so a page of `n` items never needs more than
`n` steps; and as the pointer knows how many items it makes visible, the walk ends as soon as a page is full.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, RowMapping, Select, and_, false, func, literal, or_, select, update

from store import schema
from store.conversations import columns, find_contact, pointer
from store.database import Database
from store.records import Contact, Conversation, Item, Past

_conversations = schema.conversations.c
_contacts = schema.contacts.c
_items = schema.items.c


class Place(NamedTuple):
    """A position in the past: an item of an earlier conversation, which itself belongs to what follows."""

    conversation_id: str
    seq: int


class PastItem(NamedTuple):
    """An item with the conversation it stands in."""

    conversation_id: str
    item: Item


async def past_from(db: Database, instance: str, contact_id: str) -> tuple[Contact, Conversation, Past] | None:
    """The past that begins with a contact and leaves out the legs after it."""
    found = await find_contact(db, instance, contact_id)
    if found is None:
        return None
    contact, conversation = found
    upto = select(func.max(_items.seq), func.count()).where(_items.conversation_id == conversation.id)
    if contact.last_seq is not None:
        upto = upto.where(_items.seq <= contact.last_seq)
    async with db.read() as connection:
        seq, count = (await connection.execute(upto)).one()
    past = Past(
        contact_id=contact.id,
        association_id=conversation.association_id or conversation.id,
        conversation_id=conversation.id,
        seq=seq or 0,
        items=count,
    )
    return contact, conversation, past


async def last_ended_contact(db: Database, conversation_id: str) -> str | None:
    """The contact of a conversation that ended last."""
    query = (
        select(_contacts.id)
        .where(_contacts.conversation_id == conversation_id, _contacts.ended_at.is_not(None))
        .order_by(_contacts.ended_at.desc(), _contacts.initiated_at.desc())
        .limit(1)
    )
    async with db.read() as connection:
        return (await connection.execute(query)).scalar_one_or_none()


async def associate(db: Database, conversation_id: str, past: Past, inherited: Mapping[str, str]) -> bool:
    """Lets a running conversation continue a past, unless it continues one already; its own attributes win.

    Returns:
        False when it has a past, or a related contact, already.
    """
    free = (
        _conversations.id == conversation_id,
        _conversations.continued_from.is_(None),
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
            .values(**pointer(past), attributes={**inherited, **own}, updated_at=datetime.now(UTC))
        )
        await connection.execute(
            update(schema.contacts).where(_contacts.id == conversation_id).values(related_contact_id=past.contact_id)
        )
    return True


async def page_of_past(db: Database, start: Place, limit: int) -> tuple[list[PastItem], Place | None]:
    """At most `limit` items of the past from a place on, the latest first, and the place where the next page starts.

    Two queries, however long the past is.
    """
    wanted = limit + 1
    async with db.read() as connection:
        steps = [_Step(*row) for row in await connection.execute(_walk(start, wanted))]
        # numbers have few gaps: the `wanted` numbers below a position hold a page, or all but a few of it
        stretches = [
            and_(_items.conversation_id == step.id, _items.seq <= step.seq, _items.seq > step.seq - wanted)
            for step in steps
        ]
        query = select(_items.conversation_id, *columns(schema.items, Item)).where(or_(false(), *stretches))
        rows = (await connection.execute(query.order_by(_items.seq.desc()))).mappings().all()
    page: list[PastItem] = []
    rest: Place | None = None
    for step in steps:
        found = [_past_item(row) for row in rows if row["conversation_id"] == step.id]
        page += found
        if len(page) > limit:
            rest = Place(page[limit].conversation_id, page[limit].item.seq)
            break
        if step.seq > wanted:
            rest = Place(step.id, step.seq - wanted)
            break
        rest = Place(step.past_id, step.past_seq) if step.past_id and step.past_seq else None
    return page[:limit], rest


class _Step(NamedTuple):
    id: str
    seq: int
    past_id: str | None
    past_seq: int | None


def _walk(start: Place, wanted: int) -> Select[*tuple[Any, ...]]:
    """The conversations from a place back, each with its last visible item, until they hold as many as wanted."""
    first, earlier = schema.conversations, schema.conversations.alias("earlier")
    walk = (
        select(
            first.c.id,
            literal(start.seq, BigInteger).label("seq"),
            literal(start.seq, BigInteger).label("total"),
            literal(0).label("step"),
            first.c.past_id,
            first.c.past_seq,
            first.c.past_items,
        )
        .where(first.c.id == start.conversation_id)
        .cte("walk", recursive=True)
    )
    walk = walk.union_all(
        select(
            earlier.c.id,
            walk.c.past_seq,
            walk.c.total + walk.c.past_items,
            walk.c.step + 1,
            earlier.c.past_id,
            earlier.c.past_seq,
            earlier.c.past_items,
        )
        .join(earlier, earlier.c.id == walk.c.past_id)
        .where(walk.c.total < wanted)
    )
    return select(walk.c.id, walk.c.seq, walk.c.past_id, walk.c.past_seq).order_by(walk.c.step)


def _past_item(row: RowMapping) -> PastItem:
    values: dict[str, Any] = dict(row)
    return PastItem(values.pop("conversation_id"), Item(**values))
