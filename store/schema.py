"""The tables. Instants are whole milliseconds since 1970 in UTC, the resolution of the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, kept as milliseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To the database."""
        return None if value is None else (value - EPOCH) // MILLISECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else EPOCH + value * MILLISECOND


metadata = MetaData()

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(256), primary_key=True),
    Column("instance", String(100), nullable=False),
    Column("workstream", String(500), nullable=False),
    Column("queue", String(256), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("customer_id", String(128)),
    Column("attributes", JSON, nullable=False),
    Column("segment_attributes", JSON, nullable=False),
    Column("content_types", JSON, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("closed_at", Instant),
    Column("end_reason", String(64)),
    Column("revision", BigInteger, nullable=False),
    Column("updated_at", Instant, nullable=False),
    # the past: the contact that this conversation continues, and where in its conversation the visible past ends
    Column("association_id", String(256)),
    Column("continued_from", String(256)),
    Column("past_id", String(256)),
    Column("past_seq", BigInteger),
    Column("past_items", BigInteger),
    # where a returning customer goes on; the instance first would draw SQLite away from the order of a search's pages
    Index("conversations_by_customer", "customer_id", "workstream", "instance", "started_at"),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", String(256), primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id"), nullable=False, index=True),
    Column("initiation_method", String(32), nullable=False),
    Column("previous_contact_id", String(256)),
    Column("related_contact_id", String(256)),
    Column("queue", String(256)),
    Column("initiated_at", Instant, nullable=False),
    Column("enqueued_at", Instant),
    Column("agent_user", String(256), index=True),
    Column("agent_connected_at", Instant),
    Column("ended_at", Instant),
    Column("wrapped_up_at", Instant),
    Column("last_seq", BigInteger),
    Column("end_reason", String(64)),
    # what a search ranges over, and the order in which its pages come
    Index("contacts_by_initiation", "initiated_at", "id"),
    Index("contacts_by_enqueuing", "enqueued_at", "id"),
    Index("contacts_by_connection", "agent_connected_at", "id"),
    Index("contacts_by_end", "ended_at", "id"),
)

participants = Table(
    "participants",
    metadata,
    Column("id", String(256), primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id"), nullable=False, index=True),
    Column("role", String(16), nullable=False),
    Column("name", String(256), nullable=False),
    Column("user", String(256)),
    Column("presence", String(16), nullable=False),
    Column("joined_at", Instant),
    Column("left_at", Instant),
    Column("delivered_seq", BigInteger, nullable=False, default=0),
    Column("read_seq", BigInteger, nullable=False, default=0),
)

items = Table(
    "items",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("id", String(256), nullable=False),
    Column("contact_id", String(256), nullable=False),
    Column("at", Instant, nullable=False),
    Column("type", String(16), nullable=False),
    Column("content_type", String(100), nullable=False),
    Column("content", Text),
    Column("participant_id", String(256)),
    Column("role", String(16), nullable=False),
    Column("name", String(256)),
    Column("trigger", String(64)),
    UniqueConstraint("conversation_id", "id"),
    Index("items_by_time", "conversation_id", "at"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("conversation_id", String(256), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("participant_id", String(256), primary_key=True),
    Column("delivered_at", Instant),
    Column("read_at", Instant),
)

processes = Table(
    "processes",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("lease_until", Instant, nullable=False),
)

connections = Table(
    "connections",
    metadata,
    Column("participant_id", String(256), primary_key=True),
    Column("process_id", String(64), primary_key=True, index=True),
    Column("conversation_id", String(256), nullable=False),
    Column("departed_at", Instant, index=True),
)
