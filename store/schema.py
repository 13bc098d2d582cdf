"""The tables. Instants are whole milliseconds since 1970 in UTC, the resolution of the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
    true,
)
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The end of what has no end, for columns that are compared."""


def whole(instant: datetime) -> datetime:
    """An instant as it comes back from the store."""
    return EPOCH + (instant - EPOCH) // MILLISECOND * MILLISECOND


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
    Column("told", Boolean, nullable=False, server_default=true()),
)

agents = Table(
    "agents",
    metadata,
    Column("instance", String(100), primary_key=True),
    Column("user", String(256), primary_key=True),
    Column("name", String(256), nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("presence", String(32), nullable=False),
    Column("presence_since", Instant, nullable=False),
    # what they become once nothing takes their capacity; until then they are offered nothing
    Column("next_presence", String(32)),
    Column("last_assigned_at", Instant),
    # since when nothing was given to them and nothing of theirs ended
    Column("idle_since", Instant, nullable=False),
    # offers missed one after the other
    Column("missed", Integer, nullable=False),
    # the number of what they were told last
    Column("desk_seq", BigInteger, nullable=False, server_default="0"),
    # since when the desk they had open has no connection; meanwhile they are offered nothing
    Column("lost_at", Instant),
)

desk_events = Table(
    "desk_events",
    metadata,
    # what an agent was told, without a gap in the order in which it was committed
    Column("instance", String(100), primary_key=True),
    Column("user", String(256), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("body", JSON, nullable=False),
    Index("desk_events_by_time", "at"),
)

agent_queues = Table(
    "agent_queues",
    metadata,
    Column("instance", String(100), primary_key=True),
    Column("queue", String(256), primary_key=True),
    Column("user", String(256), primary_key=True),
    Index("agent_queues_by_user", "instance", "user", "queue"),
)

_IS_WAITING = text("stage = 'queued' AND offer_id IS NULL")
_IS_BOUND = text("stage = 'queued' AND offer_id IS NULL AND bound_to <> ''")
_IS_OFFERED = text("offer_id IS NOT NULL")

board = Table(
    "board",
    metadata,
    Column("conversation_id", String(256), primary_key=True),
    # what the conversation says
    Column("revision", BigInteger, nullable=False),
    Column("instance", String(100), nullable=False),
    Column("queue", String(256), nullable=False),
    Column("workstream", String(500), nullable=False),
    Column("contact_id", String(256), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("agent", String(256)),
    Column("units", Integer, nullable=False),
    # false: ahead of those whose turn it is
    Column("in_turn", Boolean, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("enqueued_at", Instant, nullable=False),
    # the only agent who may be offered it, until then; '': anybody may
    Column("bound_to", String(256), nullable=False),
    Column("bound_until", Instant),
    # whose capacity it takes, and until when
    Column("holder", String(256)),
    Column("holds_until", Instant),
    # what the board has done meanwhile: offered it to the holder
    Column("offer_id", String(64)),
    Column("offered_at", Instant),
    Column("offer_until", Instant),
    Column("told", Boolean, nullable=False),
    # the first of each kind of conversation that waits in a queue, and those behind it
    Index(
        "board_by_kind",
        *("instance", "queue", "workstream", "bound_to", "units"),
        *("in_turn", "priority", "enqueued_at", "conversation_id"),
        sqlite_where=_IS_WAITING,
        postgresql_where=_IS_WAITING,
    ),
    # who waits in a queue, in order
    Index(
        "board_by_turn",
        *("instance", "queue", "in_turn", "priority", "enqueued_at", "conversation_id"),
        sqlite_where=_IS_WAITING,
        postgresql_where=_IS_WAITING,
    ),
    # which bindings have run out
    Index(
        "board_by_binding",
        *("instance", "queue", "workstream", "bound_to", "bound_until"),
        sqlite_where=_IS_BOUND,
        postgresql_where=_IS_BOUND,
    ),
    # what an agent's capacity is taken by
    Index("board_by_holder", "instance", "holder", "holds_until", "units"),
    # offers that nobody answered or was told of
    Index("board_by_offer", "offer_until", sqlite_where=_IS_OFFERED, postgresql_where=_IS_OFFERED),
)

board_passes = Table(
    "board_passes",
    metadata,
    # who rejected or missed a conversation while it waits
    Column("conversation_id", String(256), primary_key=True),
    Column("user", String(256), primary_key=True),
    Column("at", Instant, nullable=False),
)

board_waits = Table(
    "board_waits",
    metadata,
    # how long those waited who were lately taken from a queue
    Column("instance", String(100), primary_key=True),
    Column("queue", String(256), primary_key=True),
    Column("taken_at", Instant, primary_key=True),
    Column("conversation_id", String(256), primary_key=True),
    Column("milliseconds", BigInteger, nullable=False),
)

contact_notes = Table(
    "contact_notes",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id"), nullable=False),
    Column("contact_id", String(256), nullable=False),
    Column("user", String(256), nullable=False),
    Column("at", Instant, nullable=False),
    Column("text", Text, nullable=False),
    Index("contact_notes_by_time", "conversation_id", "at", "id"),
)

told_positions = Table(
    "told_positions",
    metadata,
    # the place in its queue that a contact was told last
    Column("contact_id", String(256), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("at", Instant, nullable=False, index=True),
)

configuration_revisions = Table(
    "configuration_revisions",
    metadata,
    Column("instance", String(100), primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

configuration_changes = Table(
    "configuration_changes",
    metadata,
    Column("instance", String(100), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("name", String(100), primary_key=True),
    # null when it is deleted
    Column("value", JSON, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("changed_by", String(256), nullable=False),
)
