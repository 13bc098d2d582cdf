"""All tables, in one module, because foreign keys, indexes and migrations concern them together.

Instants are whole milliseconds since 1970 in UTC, the resolution of the wire.
"""

from __future__ import annotations

from datetime import datetime

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
    false,
    text,
    true,
)
from sqlalchemy.types import TypeDecorator

from domain.instants import EPOCH, MILLISECOND, epoch_milliseconds


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant. The database holds milliseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Converts an instant to milliseconds."""
        return None if value is None else epoch_milliseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Converts milliseconds to an instant."""
        return None if value is None else EPOCH + value * MILLISECOND


def _partial_index(name: str, condition: str, *columns: str) -> Index:
    """An index of the rows that meet a condition. Only a query that contains the condition, with literals, uses it."""
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


metadata = MetaData()

_IS_OPEN = "closed_at IS NULL"

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
    Column("is_customer_signed", Boolean, nullable=False, server_default=false()),
    Column("attributes", JSON, nullable=False),
    Column("segment_attributes", JSON, nullable=False),
    Column("content_types", JSON, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("closed_at", Instant),
    Column("end_reason", String(64)),
    Column("revision", BigInteger, nullable=False),
    Column("updated_at", Instant, nullable=False),
    # rehydration: the contact that this conversation continues, the last visible item of the past, and how many items of that
    # item's conversation are visible
    Column("association_id", String(256)),
    Column("continued_from", String(256)),
    Column("past_id", String(256)),
    Column("past_seq", BigInteger),
    Column("past_items", BigInteger),
    # the conversations of a customer. `instance` is not first: SQLite would use the index for searches, and sort their pages
    Index("conversations_by_customer", "customer_id", "workstream", "instance", "started_at"),
    _partial_index("conversations_open_by_customer", _IS_OPEN, "customer_id", "workstream", "instance", "started_at"),
    # the open conversations of an instance, oldest first
    _partial_index("conversations_open", _IS_OPEN, "instance", "started_at", "id"),
    _partial_index("conversations_open_by_state", _IS_OPEN, "instance", "state", "started_at", "id"),
    # those that may be deleted, and those that continue another one
    _partial_index("conversations_closed", "closed_at IS NOT NULL", "instance", "workstream", "closed_at"),
    _partial_index("conversations_with_past", "past_id IS NOT NULL", "past_id"),
    # the conversations of a chain of rehydrations, without the first one
    _partial_index("conversations_by_association", "association_id IS NOT NULL", "association_id"),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", String(256), primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id"), nullable=False),
    # that of the conversation
    Column("instance", String(100), nullable=False),
    Column("initiation_method", String(32), nullable=False),
    Column("previous_contact_id", String(256)),
    Column("related_contact_id", String(256)),
    Column("queue", String(256)),
    Column("initiated_at", Instant, nullable=False),
    Column("enqueued_at", Instant),
    Column("agent_user", String(256)),
    Column("agent_connected_at", Instant),
    Column("ended_at", Instant),
    Column("wrapped_up_at", Instant),
    Column("last_seq", BigInteger),
    Column("end_reason", String(64)),
    # those of the conversation when this contact ended and another one followed
    Column("attributes", JSON),
    # what backends note about it; no decision of the workflow needs it
    Column("name", String(1024)),
    Column("description", Text),
    Column("references", JSON),
    Column("tags", JSON),
    # the contacts of a conversation, the latest of which is asked for most
    Index("contacts_by_conversation", "conversation_id", "initiated_at", "last_seq"),
    # time ranges and sort orders of a contact search
    Index("contacts_by_initiation", "instance", "initiated_at", "id"),
    Index("contacts_by_enqueuing", "instance", "enqueued_at", "id"),
    Index("contacts_by_connection", "instance", "agent_connected_at", "id"),
    Index("contacts_by_end", "instance", "ended_at", "id"),
    Index("contacts_by_agent", "instance", "agent_user", "initiated_at", "id"),
    Index("contacts_by_queue", "instance", "queue", "initiated_at", "id"),
    # an agent's contacts that are not closed
    _partial_index("contacts_open_by_agent", "wrapped_up_at IS NULL", "instance", "agent_user", "initiated_at"),
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

monitors = Table(
    "monitors",
    metadata,
    # supervisors who monitor a contact; a row goes when they leave, or the contact ends
    Column("participant_id", ForeignKey("participants.id"), primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id"), nullable=False, index=True),
    Column("contact_id", String(256), nullable=False),
    Column("may_barge", Boolean, nullable=False),
    # since when they have no connection
    Column("lost_at", Instant, index=True),
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
    # what the item shows of a file
    Column("attachment", JSON(none_as_null=True)),
    UniqueConstraint("conversation_id", "id"),
    Index("items_by_time", "conversation_id", "at"),
)

attachments = Table(
    "attachments",
    metadata,
    # the files of conversations, from the start of their upload
    Column("id", String(64), primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id"), nullable=False),
    Column("instance", String(100), nullable=False),
    Column("contact_id", String(256), nullable=False),
    Column("participant_id", String(256), nullable=False),
    Column("name", String(256), nullable=False),
    Column("content_type", String(100), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("started_at", Instant, nullable=False),
    # the upload that counts, once it is complete, and when it was accepted
    Column("upload", String(64)),
    Column("accepted_at", Instant),
    # when its item was known to stand in the transcript
    Column("recorded_at", Instant),
    Index("attachments_by_conversation", "conversation_id", "started_at"),
    _partial_index("attachments_unrecorded", "recorded_at IS NULL", "started_at"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    # the latest commit of each conversation, see `domain.checkpoints`
    Column("conversation_id", ForeignKey("conversations.id"), primary_key=True),
    Column("run_id", String(64), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("consumed", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
)

absences = Table(
    "absences",
    metadata,
    # customers without a connection, see `store.absences`
    Column("participant_id", String(256), primary_key=True),
    Column("conversation_id", String(256), nullable=False, index=True),
    Column("lost_at", Instant, nullable=False),
    # when to look whether words wait for the customer. null: the feed has the event
    Column("check_at", Instant, index=True),
)

feed_events = Table(
    "feed_events",
    metadata,
    # events for backends, see `domain.feed`. Their order is that of (transaction_id, number): numbers are not visible in order.
    # On SQLite, where one transaction follows the other, all transactions are 0
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("transaction_id", BigInteger, nullable=False),
    Column("instance", String(100), nullable=False),
    Column("conversation_id", String(256), nullable=False),
    # from 1, without gaps
    Column("seq", BigInteger, nullable=False),
    Column("id", String(256), nullable=False),
    Column("type", String(64), nullable=False),
    Column("contact_id", String(256), nullable=False),
    Column("at", Instant, nullable=False),
    # the transcript item that it is about
    Column("item", BigInteger),
    Column("data", JSON, nullable=False),
    UniqueConstraint("conversation_id", "seq"),
    Index("feed_events_by_position", "instance", "transaction_id", "number"),
    # numbers of deleted rows do not come again
    sqlite_autoincrement=True,
)

feed_starts = Table(
    "feed_starts",
    metadata,
    # up to which position the events of an instance are deleted
    Column("instance", String(100), primary_key=True),
    Column("transaction_id", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("instance", String(100), primary_key=True),
    # of a topic, the ARN
    Column("name", String(350), primary_key=True),
    # all events up to this position are delivered, or not wanted. Of a topic it means nothing: each of its streams has its own
    Column("transaction_id", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    # see `domain.webhooks.WebhookState`
    Column("state", String(16), nullable=False),
    Column("since", Instant, nullable=False),
    # the process that sends
    Column("process_id", String(64)),
    Column("lease_until", Instant),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    # the last attempts to deliver, for people
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("instance", String(100), nullable=False),
    Column("name", String(350), nullable=False),
    Column("conversation_id", String(256), nullable=False, index=True),
    Column("event_id", String(256), nullable=False),
    Column("type", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    # null: there was no answer
    Column("status", Integer),
    Column("milliseconds", Integer, nullable=False),
    # the beginning of the answer, or why there was none
    Column("answer", Text, nullable=False),
    Index("webhook_deliveries_by_webhook", "instance", "name", "number"),
    sqlite_autoincrement=True,
)

streams = Table(
    "streams",
    metadata,
    # the chats whose items are sent to topics, see `store.streams`
    Column("id", String(64), primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id"), nullable=False, index=True),
    Column("instance", String(100), nullable=False),
    Column("topic", String(350), nullable=False),
    Column("started_at", Instant, nullable=False),
    # the number of the last item that is delivered, or was there before the stream
    Column("delivered_seq", BigInteger, nullable=False),
    # the number of the last item that belongs to a stopped stream; null: it goes on
    Column("last_seq", BigInteger),
    # when its last item was delivered
    Column("finished_at", Instant),
    _partial_index("streams_unfinished", "finished_at IS NULL", "instance", "topic", "started_at", "id"),
)

client_tokens = Table(
    "client_tokens",
    metadata,
    # the id derives from operation, scope and token
    Column("id", String(64), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("resource_id", String(64), nullable=False),
    Column("used_at", Instant, nullable=False, index=True),
)

single_uses = Table(
    "single_uses",
    metadata,
    # what is good once, and was used: socket URLs, tickets, signatures of writes. Until they would expire anyway
    Column("id", String(64), primary_key=True),
    Column("expires_at", Instant, nullable=False, index=True),
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
    Column("disconnected_at", Instant, index=True),
    Column("connect_reported", Boolean, nullable=False, server_default=true()),
)

agents = Table(
    "agents",
    metadata,
    Column("instance", String(100), primary_key=True),
    Column("user", String(256), primary_key=True),
    Column("name", String(256), nullable=False),
    # in units
    Column("capacity", Integer, nullable=False),
    Column("status", String(32), nullable=False),
    Column("status_since", Instant, nullable=False),
    # the status that follows once the agent's load is zero; until then the agent receives no offers
    Column("next_status", String(32)),
    Column("last_assigned_at", Instant),
    # last time the agent gained or finished work
    Column("idle_since", Instant, nullable=False),
    # offers missed in a row
    Column("missed_offers", Integer, nullable=False),
    # number of the agent's last event
    Column("event_seq", BigInteger, nullable=False, server_default="0"),
    # when the agent's client lost its last connection; null: connected, or never connected. Until it is null, no offers
    Column("disconnected_at", Instant),
    # agents who may receive offers
    Index("agents_by_status", "instance", "status"),
    _partial_index("agents_with_next_status", "next_status IS NOT NULL", "instance", "user"),
    _partial_index("agents_disconnected", "disconnected_at IS NOT NULL", "disconnected_at"),
)

agent_identities = Table(
    "agent_identities",
    metadata,
    # the identity of each agent who has signed in: it ends when the agent is taken out of the configuration
    Column("instance", String(100), primary_key=True),
    Column("user", String(256), primary_key=True),
    Column("id", String(64), nullable=False),
)

configured_agents = Table(
    "configured_agents",
    metadata,
    # the fingerprint of the configured agents that were last written to `agents` and `agent_queues`
    Column("instance", String(100), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
)

agent_events = Table(
    "agent_events",
    metadata,
    # events for an agent's client; per agent numbered without gaps, in the order of their commits
    Column("instance", String(100), primary_key=True),
    Column("user", String(256), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("body", JSON, nullable=False),
    Index("agent_events_by_time", "at"),
    _partial_index("agent_events_of_ended_offers", "kind = 'offer-over'", "instance", "user", "seq"),
)

agent_queues = Table(
    "agent_queues",
    metadata,
    Column("instance", String(100), primary_key=True),
    Column("queue", String(256), primary_key=True),
    Column("user", String(256), primary_key=True),
    Index("agent_queues_by_user", "instance", "user", "queue"),
)

_IS_QUEUED = "stage = 'queued' AND offer_id IS NULL"

routing = Table(
    "routing",
    metadata,
    Column("conversation_id", String(256), primary_key=True),
    # from the conversation's placement
    Column("revision", BigInteger, nullable=False),
    Column("instance", String(100), nullable=False),
    Column("queue", String(256), nullable=False),
    Column("workstream", String(500), nullable=False),
    Column("contact_id", String(256), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("agent", String(256)),
    Column("units", Integer, nullable=False),
    # false: ahead of all others in the queue
    Column("in_turn", Boolean, nullable=False),
    Column("priority", Integer, nullable=False),
    # the priority that a backend has set for this contact; null: that of the placement counts
    Column("set_priority", Integer),
    Column("enqueued_at", Instant, nullable=False),
    # the seconds that a backend has added to the wait of this contact, for its place in the queue only
    Column("time_adjustment", BigInteger, nullable=False, default=0),
    # `enqueued_at`, so many seconds earlier: by it the queue is ordered
    Column("queued_since", Instant, nullable=False),
    # the only agent who may be offered it, until `bound_until`; '': any agent
    Column("bound_to", String(256), nullable=False),
    Column("bound_until", Instant),
    # the agent whose capacity it uses, and until when
    Column("holder", String(256)),
    Column("holds_until", Instant),
    # from routing: the offer to the holder
    Column("offer_id", String(64)),
    Column("offered_at", Instant),
    Column("offer_until", Instant),
    # whether the conversation was notified of the offer
    Column("delivered", Boolean, nullable=False),
    # the first conversation of each kind in a queue, and the following ones
    _partial_index(
        "routing_by_kind",
        _IS_QUEUED,
        *("instance", "queue", "workstream", "bound_to", "units"),
        *("in_turn", "priority", "queued_since", "conversation_id"),
    ),
    # the conversations of a queue, in order
    _partial_index(
        "routing_by_order",
        _IS_QUEUED,
        *("instance", "queue", "in_turn", "priority", "queued_since", "conversation_id"),
    ),
    # affinities that have expired
    _partial_index(
        "routing_by_affinity",
        f"{_IS_QUEUED} AND bound_to <> ''",
        *("instance", "queue", "workstream", "bound_to", "bound_until"),
    ),
    # an agent's load
    Index("routing_by_holder", "instance", "holder", "holds_until", "units"),
    # overdue and undelivered offers
    _partial_index("routing_by_offer", "offer_id IS NOT NULL", "offer_until"),
    # what supervisors list
    Index("routing_by_queue", "instance", "queue"),
    Index("routing_by_agent", "instance", "agent"),
)

routing_leases = Table(
    "routing_leases",
    metadata,
    # the process that serves the queues of an instance
    Column("instance", String(100), primary_key=True),
    Column("process_id", String(64), nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("file", String(64), nullable=False),
)

routing_rejections = Table(
    "routing_rejections",
    metadata,
    # agents who rejected or missed a conversation during its current wait
    Column("conversation_id", String(256), primary_key=True),
    Column("user", String(256), primary_key=True),
    Column("at", Instant, nullable=False),
)

routing_waits = Table(
    "routing_waits",
    metadata,
    # wait times of the conversations that were recently assigned from a queue
    Column("instance", String(100), primary_key=True),
    Column("queue", String(256), primary_key=True),
    Column("assigned_at", Instant, primary_key=True),
    Column("conversation_id", String(256), primary_key=True),
    Column("milliseconds", BigInteger, nullable=False),
    Index("routing_waits_by_time", "assigned_at"),
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

sent_positions = Table(
    "sent_positions",
    metadata,
    # the last queue position that was sent to the customer of a contact
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
    # JSON null: the table is deleted
    Column("value", JSON, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("changed_by", String(256), nullable=False),
)

audit = Table(
    "audit",
    metadata,
    # who did what, when, and to what
    Column("id", String(64), primary_key=True),
    Column("instance", String(100), nullable=False),
    Column("at", Instant, nullable=False, index=True),
    Column("actor", String(512), nullable=False),
    Column("action", String(64), nullable=False),
    Column("target", String(512), nullable=False),
    Column("counts", JSON, nullable=False),
    Index("audit_by_instance", "instance", "at", "id"),
)
