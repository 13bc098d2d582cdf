"""Webhooks in the store: how far each is, who sends for it, and its last deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, and_, bindparam, delete, insert, or_, select, update

from domain.feed import WITHOUT_CONVERSATION
from domain.webhooks import WebhookState
from store import schema
from store.database import Database
from store.feed import FeedPosition, end_of_feed
from store.transaction import Transaction

_webhook = schema.webhooks.c
_delivery = schema.webhook_deliveries.c
_conversation = schema.conversations.c
_PRESENT = (
    select(_conversation.id)
    .where(_conversation.id.in_(bindparam("ids", expanding=True)))
    .with_for_update(read=True, key_share=True)
)
"""Of some conversations those that are not deleted, and will not be within the transaction."""

KEPT_DELIVERIES = 1_000
"""How many deliveries of a webhook are kept for people."""

MAX_ANSWER = 1_000
"""How many characters of an answer are kept."""


class WebhookKey(NamedTuple):
    """A webhook or a topic: its instance, and its name in the configuration, which is the ARN of a topic."""

    instance: str
    name: str


class StoredWebhook(NamedTuple):
    """How far a webhook is.

    Attributes:
        since: when it came into its state.
        process_id: the process that sends, until `lease_until`; None when none has begun.
    """

    position: FeedPosition
    state: WebhookState
    since: datetime
    process_id: str | None
    lease_until: datetime | None

    def is_free_for(self, process_id: str, now: datetime) -> bool:
        """Whether a process may send: no other has the lease."""
        return self.process_id in (None, process_id) or self.lease_until is None or self.lease_until <= now


class Delivery(NamedTuple):
    """An attempt to deliver an event.

    Attributes:
        status: the status of the answer; None without one.
        answer: the beginning of the answer, or why there was none.
    """

    conversation_id: str
    event_id: str
    type: str
    at: datetime
    status: int | None
    milliseconds: int
    answer: str

    @property
    def is_done(self) -> bool:
        """Whether the receiver has the event."""
        return self.status is not None and 200 <= self.status < 300


_COLUMNS = (
    *(_webhook.transaction_id, _webhook.number, _webhook.state, _webhook.since),
    *(_webhook.process_id, _webhook.lease_until),
)


def _stored(row: Row[*tuple[Any, ...]]) -> StoredWebhook:
    transaction_id, number, state, *rest = row
    return StoredWebhook(FeedPosition(transaction_id, number), WebhookState(state), *rest)


def _is(key: WebhookKey) -> ColumnElement[bool]:
    return and_(_webhook.instance == key.instance, _webhook.name == key.name)


async def take_webhook(
    db: Database, key: WebhookKey, process_id: str, until: datetime, now: datetime
) -> StoredWebhook | None:
    """Take the lease of a webhook, or renew it. A new webhook begins at the end of the feed.

    Returns:
        How far it is; None when another process sends for it.
    """
    is_free = or_(_webhook.process_id.is_(None), _webhook.process_id == process_id, _webhook.lease_until <= now)
    change = (
        update(schema.webhooks)
        .where(_is(key), is_free)
        .values(process_id=process_id, lease_until=until)
        .returning(*_COLUMNS)
    )
    async with db.write() as connection:
        if found := (await connection.execute(change)).one_or_none():
            return _stored(found)
        end = await end_of_feed(db, connection, key.instance)
        row = {
            **key._asdict(),
            **end._asdict(),
            "state": WebhookState.SENDING,
            "since": now,
            "process_id": process_id,
            "lease_until": until,
        }
        is_new = await db.insert_new(connection, schema.webhooks, [row])
        return StoredWebhook(end, WebhookState.SENDING, now, process_id, until) if is_new else None


async def release_webhooks(db: Database, process_id: str, now: datetime) -> None:
    """End all leases of a process."""
    change = update(schema.webhooks).where(_webhook.process_id == process_id, _webhook.lease_until > now)
    async with db.write() as connection:
        await connection.execute(change.values(lease_until=now))


async def find_webhook(db: Database, key: WebhookKey) -> StoredWebhook | None:
    """How far a webhook is; None when it has never been sent for."""
    rows = await db.rows(select(*_COLUMNS).where(_is(key)))
    return _stored(rows[0]) if rows else None


async def move_webhook(
    db: Database, key: WebhookKey, before: FeedPosition, after: FeedPosition, deliveries: Sequence[Delivery]
) -> None:
    """Note that all events up to a position are delivered, and what the deliveries were.

    When somebody has moved the webhook from `before` meanwhile, it stays where it is.
    """
    is_there = and_(_webhook.transaction_id == before.transaction_id, _webhook.number == before.number)
    change = update(schema.webhooks).where(_is(key), is_there).values(after._asdict())
    async with db.write() as connection:
        await connection.execute(change)
        await write_deliveries(connection, key, deliveries)


async def write_deliveries(connection: Transaction, key: WebhookKey, deliveries: Sequence[Delivery]) -> None:
    """Keep deliveries for people, without those of a conversation that is deleted meanwhile: an answer can quote a message."""
    if not deliveries:
        return
    found = await connection.execute(_PRESENT, {"ids": sorted({each.conversation_id for each in deliveries})})
    present = {row[0] for row in found}
    kept = [each for each in deliveries if each.conversation_id in present or each.type in WITHOUT_CONVERSATION]
    if kept:
        await connection.execute(
            insert(schema.webhook_deliveries), [{**key._asdict(), **each._asdict()} for each in kept]
        )


async def set_webhook_state(db: Database, key: WebhookKey, state: WebhookState, now: datetime) -> None:
    """Set the state of a webhook. Idempotent."""
    change = update(schema.webhooks).where(_is(key), _webhook.state != state)
    async with db.write() as connection:
        await connection.execute(change.values(state=state, since=now))


async def replay_webhook(db: Database, key: WebhookKey, position: FeedPosition) -> bool:
    """Have all events after a position delivered, or delivered again. Returns False for an unknown webhook."""
    change = update(schema.webhooks).where(_is(key)).values(position._asdict())
    async with db.write() as connection:
        return bool((await connection.execute(change)).rowcount)


async def remove_webhook(db: Database, key: WebhookKey) -> None:
    """Forget a webhook and its deliveries. Idempotent. One with this name begins anew at the end of the feed."""
    async with db.write() as connection:
        await connection.execute(delete(schema.webhooks).where(_is(key)))
        own = (_delivery.instance == key.instance, _delivery.name == key.name)
        await connection.execute(delete(schema.webhook_deliveries).where(*own))


async def last_deliveries(db: Database, key: WebhookKey, limit: int) -> list[Delivery]:
    """The last deliveries of a webhook, the latest first."""
    query = (
        select(*(_delivery[name] for name in Delivery._fields))
        .where(_delivery.instance == key.instance, _delivery.name == key.name)
        .order_by(_delivery.number.desc())
        .limit(limit)
    )
    return [Delivery(*row) for row in await db.rows(query)]


async def delete_old_deliveries(db: Database, key: WebhookKey, keep: int = KEPT_DELIVERIES) -> None:
    """Delete all deliveries of a webhook but the last ones."""
    own = (_delivery.instance == key.instance, _delivery.name == key.name)
    oldest = select(_delivery.number).where(*own).order_by(_delivery.number.desc()).offset(keep).limit(1)
    rows = await db.rows(oldest)
    if rows:
        async with db.write() as connection:
            await connection.execute(delete(schema.webhook_deliveries).where(*own, _delivery.number <= rows[0][0]))
