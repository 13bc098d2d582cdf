"""The past of a conversation: rehydration, and pages of the transcripts that came before it.

A conversation links to at most one earlier conversation, and to that one's last visible item. The past is the chain of these
links. A link skips conversations without visible items, unless nothing comes before them. So a page of `n` items needs at most
`n + 1` links. A link also has the number of items that it makes visible, so a query stops where its page is full.
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
from store.conversations import find_contact
from store.database import Database
from store.records import StoredContact, StoredConversation
from store.rows import columns, latest_contact_first, past_columns

_conversations = schema.conversations.c
_contacts = schema.contacts.c
_items = schema.items.c
_START_ID, _START_SEQ = bindparam("start_id", type_=String), bindparam("start_seq", type_=BigInteger)
_WANTED = bindparam("wanted", type_=BigInteger)
_WANTED_ID = bindparam("wanted_id", type_=String)


class PastPosition(NamedTuple):
    """A position in the past: the item with which a page starts."""

    conversation_id: str
    seq: int


class PastItem(NamedTuple):
    """A transcript item, and the conversation of its transcript."""

    conversation_id: str
    item: TranscriptItem


async def find_rehydrated_past(
    db: Database, instance: str, contact_id: str
) -> tuple[StoredContact, StoredConversation, RehydratedPast] | None:
    """The past that a conversation receives when it continues a contact, with that contact and its conversation.

    The items of later contacts are not visible. When nothing of the contact's conversation is visible, the past is the one that
    this conversation continues itself. None when the instance has no such contact.
    """
    found = await find_contact(db, instance, contact_id)
    if found is None:
        return None
    contact, conversation = found
    visible = select(func.max(_items.seq), func.count()).where(_items.conversation_id == conversation.id)
    if contact.last_seq is not None:
        visible = visible.where(_items.seq <= contact.last_seq)
    link = select(_conversations.past_id, _conversations.past_seq, _conversations.past_items)
    async with db.read() as connection:
        seq, count = (await connection.execute(visible)).one()
        end: tuple[str, int, int] = (conversation.id, seq or 0, count)
        if not count and conversation.past_id is not None:
            row = (await connection.execute(link.where(_conversations.id == conversation.id))).one()
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
    """The id of the contact that ended last; None when none has ended. Of several with the same end, the latest."""
    query = (
        select(_contacts.id)
        .where(_contacts.conversation_id == conversation_id, _contacts.ended_at.is_not(None))
        .order_by(*latest_contact_first())  # they end in the order in which they begin
        .limit(1)
    )
    async with db.read() as connection:
        return (await connection.execute(query)).scalar_one_or_none()


async def link_to_past(db: Database, conversation_id: str, past: RehydratedPast, inherited: Mapping[str, str]) -> bool:
    """Links a running conversation to a past. Locks the conversation's row.

    Args:
        inherited: attributes that the conversation receives, unless it has the same key.

    Returns:
        False, and nothing is written, when it already has a past or a related contact, has ended, or does not exist.
    """
    can_be_linked = (
        _conversations.id == conversation_id,
        _conversations.continued_from.is_(None),
        # an ended conversation can be continued, so a past that it received later could lead back to itself
        _conversations.ended_at.is_(None),
        ~select(_contacts.id)
        .where(_contacts.id == conversation_id, _contacts.related_contact_id.is_not(None))
        .exists(),
    )
    async with db.write() as connection:
        query = select(_conversations.attributes).where(*can_be_linked).with_for_update()
        own_attributes = (await connection.execute(query)).scalar_one_or_none()
        if own_attributes is None:
            return False
        await connection.execute(
            update(schema.conversations)
            .where(_conversations.id == conversation_id)
            .values(**past_columns(past), attributes={**inherited, **own_attributes}, updated_at=datetime.now(UTC))
        )
        await connection.execute(
            update(schema.contacts).where(_contacts.id == conversation_id).values(related_contact_id=past.contact_id)
        )
    return True


async def page_of_past(db: Database, start: PastPosition, limit: int) -> tuple[list[PastItem], PastPosition | None]:
    """Reads at most `limit` items of the past from a position backwards, latest first, in one query.

    Returns:
        The page, and the position at which the next page starts; None when the past ends with this page. Only the last page
        may have fewer than `limit` items.
    """
    values = {"start_id": start.conversation_id, "start_seq": start.seq, "wanted": limit + 1}
    rows = await db.mappings(_PAGE, values)
    # the walk ends with a whole conversation, so there can be more rows than wanted
    shown = [row for row in rows if row["id"] is not None][: limit + 1]
    page = [PastItem(row["walked_id"], _item(row)) for row in shown]
    if len(page) > limit:
        return page[:limit], PastPosition(page[limit].conversation_id, page[limit].item.seq)
    past_id, past_seq = (rows[-1]["past_id"], rows[-1]["past_seq"]) if rows else (None, None)
    return page, PastPosition(past_id, past_seq) if past_id and past_seq else None


async def last_visible(db: Database, start: PastPosition, conversation_id: str) -> int | None:
    """The number of the last item of an earlier conversation that is visible from a position; None when none of it is.

    Walks back to that conversation, so it should belong to the same chain (`association_id`).
    """
    values = {"start_id": start.conversation_id, "start_seq": start.seq, "wanted_id": conversation_id}
    rows = await db.rows(_LAST_VISIBLE, values)
    return rows[0][0] if rows else None


def _item(row: RowMapping) -> TranscriptItem:
    return TranscriptItem(**{name: row[name] for name in TranscriptItem.model_fields})


def _page_query() -> Select[*tuple[Any, ...]]:
    """Builds the query for a page: the conversations of `_walk`, each with its latest items, at most `wanted` for each.

    The first three columns are the conversation and its link. A conversation without items has one row with NULLs.
    """
    walk = _walk()
    shown = and_(_items.conversation_id == walk.c.id, _items.seq.between(walk.c.lowest, walk.c.seq))
    return (
        select(walk.c.id.label("walked_id"), walk.c.past_id, walk.c.past_seq, *columns(schema.items, TranscriptItem))
        .select_from(walk.outerjoin(schema.items, shown))
        .order_by(walk.c.step, _items.seq.desc())
    )


def _walk() -> CTE:
    """Builds the query for the conversations from a position backwards, until they have `wanted` items.

    Each row has the range of item numbers to show, from `lowest` to `seq`.
    """
    first, earlier = schema.conversations, schema.conversations.alias("earlier")
    first_items = _seqs_backwards(_START_ID, _START_SEQ).limit(_WANTED).subquery("first_items")
    walk = (
        select(
            first.c.id,
            _START_SEQ.label("seq"),
            _lowest_seq(_START_ID, _START_SEQ).label("lowest"),
            select(func.count()).select_from(first_items).scalar_subquery().label("total"),
            literal(0).label("step"),
            first.c.past_id,
            first.c.past_seq,
            first.c.past_items,
        )
        .where(first.c.id == _START_ID)
        .cte("walk", recursive=True)
    )
    return walk.union_all(
        select(
            earlier.c.id,
            walk.c.past_seq,
            _lowest_seq(earlier.c.id, walk.c.past_seq),
            walk.c.total + walk.c.past_items,
            walk.c.step + 1,
            earlier.c.past_id,
            earlier.c.past_seq,
            earlier.c.past_items,
        )
        .join(earlier, earlier.c.id == walk.c.past_id)
        .where(walk.c.total < _WANTED)
    )


def _lowest_seq(conversation_id: ColumnElement[str], last_seq: ColumnElement[int]) -> ColumnElement[int]:
    """Builds the number of the item that is `wanted` items back, 0 when there are fewer. Numbers may have gaps."""
    return func.coalesce(_seqs_backwards(conversation_id, last_seq).limit(1).offset(_WANTED - 1).scalar_subquery(), 0)


def _seqs_backwards(conversation_id: ColumnElement[str], last_seq: ColumnElement[int]) -> Select[int]:
    item = schema.items.alias("item").c
    query = select(item.seq).where(item.conversation_id == conversation_id, item.seq <= last_seq)
    return query.order_by(item.seq.desc())


def _last_visible_query() -> Select[int]:
    """Builds the query for the last visible item of one conversation: a walk that stops there."""
    first, earlier = schema.conversations, schema.conversations.alias("earlier")
    walk = (
        select(first.c.id, _START_SEQ.label("seq"), first.c.past_id, first.c.past_seq)
        .where(first.c.id == _START_ID)
        .cte("chain", recursive=True)
    )
    walk = walk.union_all(
        select(earlier.c.id, walk.c.past_seq, earlier.c.past_id, earlier.c.past_seq)
        .join(earlier, earlier.c.id == walk.c.past_id)
        .where(walk.c.id != _WANTED_ID)
    )
    return select(walk.c.seq).where(walk.c.id == _WANTED_ID)


_PAGE, _LAST_VISIBLE = _page_query(), _last_visible_query()
"""Built once, because building takes longer than running it."""
