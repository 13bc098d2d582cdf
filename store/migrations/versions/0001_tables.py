"""All tables of version 1."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "agent_events",
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "user", "seq"),
    )
    op.create_index("agent_events_by_time", "agent_events", ["at"], unique=False)
    op.create_index(
        "agent_events_of_ended_offers",
        "agent_events",
        ["instance", "user", "seq"],
        unique=False,
        sqlite_where=sa.text("kind = 'offer-over'"),
        postgresql_where=sa.text("kind = 'offer-over'"),
    )
    op.create_table(
        "agent_identities",
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("instance", "user"),
    )
    op.create_table(
        "agent_queues",
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("queue", sa.String(length=256), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("instance", "queue", "user"),
    )
    op.create_index("agent_queues_by_user", "agent_queues", ["instance", "user", "queue"], unique=False)
    op.create_table(
        "agents",
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("status_since", sa.BigInteger(), nullable=False),
        sa.Column("next_status", sa.String(length=32), nullable=True),
        sa.Column("last_assigned_at", sa.BigInteger(), nullable=True),
        sa.Column("idle_since", sa.BigInteger(), nullable=False),
        sa.Column("missed_offers", sa.Integer(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("disconnected_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("instance", "user"),
    )
    op.create_index("agents_by_status", "agents", ["instance", "status"], unique=False)
    op.create_index(
        "agents_disconnected",
        "agents",
        ["disconnected_at"],
        unique=False,
        sqlite_where=sa.text("disconnected_at IS NOT NULL"),
        postgresql_where=sa.text("disconnected_at IS NOT NULL"),
    )
    op.create_index(
        "agents_with_next_status",
        "agents",
        ["instance", "user"],
        unique=False,
        sqlite_where=sa.text("next_status IS NOT NULL"),
        postgresql_where=sa.text("next_status IS NOT NULL"),
    )
    op.create_table(
        "absences",
        sa.Column("participant_id", sa.String(length=256), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("lost_at", sa.BigInteger(), nullable=False),
        sa.Column("check_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("participant_id"),
    )
    op.create_index(op.f("ix_absences_check_at"), "absences", ["check_at"], unique=False)
    op.create_index(op.f("ix_absences_conversation_id"), "absences", ["conversation_id"], unique=False)
    op.create_table(
        "sent_positions",
        sa.Column("contact_id", sa.String(length=256), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id"),
    )
    op.create_index(op.f("ix_sent_positions_at"), "sent_positions", ["at"], unique=False)
    op.create_table(
        "single_uses",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_single_uses_expires_at"), "single_uses", ["expires_at"], unique=False)
    op.create_table(
        "client_tokens",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("resource_id", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_client_tokens_used_at"), "client_tokens", ["used_at"], unique=False)
    op.create_table(
        "configuration_changes",
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("instance", "kind", "name"),
    )
    op.create_table(
        "configuration_revisions",
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance"),
    )
    op.create_table(
        "configured_agents",
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("instance"),
    )
    op.create_table(
        "connections",
        sa.Column("participant_id", sa.String(length=256), nullable=False),
        sa.Column("process_id", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("disconnected_at", sa.BigInteger(), nullable=True),
        sa.Column("connect_reported", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.PrimaryKeyConstraint("participant_id", "process_id"),
    )
    op.create_index(op.f("ix_connections_disconnected_at"), "connections", ["disconnected_at"], unique=False)
    op.create_index(op.f("ix_connections_process_id"), "connections", ["process_id"], unique=False)
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(length=256), nullable=False),
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("workstream", sa.String(length=500), nullable=False),
        sa.Column("queue", sa.String(length=256), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("customer_id", sa.String(length=128), nullable=True),
        sa.Column("is_customer_signed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("segment_attributes", sa.JSON(), nullable=False),
        sa.Column("content_types", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.String(length=64), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("association_id", sa.String(length=256), nullable=True),
        sa.Column("continued_from", sa.String(length=256), nullable=True),
        sa.Column("past_id", sa.String(length=256), nullable=True),
        sa.Column("past_seq", sa.BigInteger(), nullable=True),
        sa.Column("past_items", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "conversations_by_customer",
        "conversations",
        ["customer_id", "workstream", "instance", "started_at"],
        unique=False,
    )
    op.create_index(
        "conversations_open",
        "conversations",
        ["instance", "started_at", "id"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(
        "conversations_open_by_customer",
        "conversations",
        ["customer_id", "workstream", "instance", "started_at"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(
        "conversations_open_by_state",
        "conversations",
        ["instance", "state", "started_at", "id"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(
        "conversations_closed",
        "conversations",
        ["instance", "workstream", "closed_at"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NOT NULL"),
        postgresql_where=sa.text("closed_at IS NOT NULL"),
    )
    op.create_index(
        "conversations_by_association",
        "conversations",
        ["association_id"],
        unique=False,
        sqlite_where=sa.text("association_id IS NOT NULL"),
        postgresql_where=sa.text("association_id IS NOT NULL"),
    )
    op.create_index(
        "conversations_with_past",
        "conversations",
        ["past_id"],
        unique=False,
        sqlite_where=sa.text("past_id IS NOT NULL"),
        postgresql_where=sa.text("past_id IS NOT NULL"),
    )
    op.create_table(
        "processes",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "receipts",
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("participant_id", sa.String(length=256), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("conversation_id", "seq", "participant_id"),
    )
    op.create_table(
        "routing",
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("queue", sa.String(length=256), nullable=False),
        sa.Column("workstream", sa.String(length=500), nullable=False),
        sa.Column("contact_id", sa.String(length=256), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("agent", sa.String(length=256), nullable=True),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("in_turn", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("set_priority", sa.Integer(), nullable=True),
        sa.Column("enqueued_at", sa.BigInteger(), nullable=False),
        sa.Column("time_adjustment", sa.BigInteger(), nullable=False),
        sa.Column("queued_since", sa.BigInteger(), nullable=False),
        sa.Column("bound_to", sa.String(length=256), nullable=False),
        sa.Column("bound_until", sa.BigInteger(), nullable=True),
        sa.Column("holder", sa.String(length=256), nullable=True),
        sa.Column("holds_until", sa.BigInteger(), nullable=True),
        sa.Column("offer_id", sa.String(length=64), nullable=True),
        sa.Column("offered_at", sa.BigInteger(), nullable=True),
        sa.Column("offer_until", sa.BigInteger(), nullable=True),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id"),
    )
    op.create_index(
        "routing_by_affinity",
        "routing",
        ["instance", "queue", "workstream", "bound_to", "bound_until"],
        unique=False,
        sqlite_where=sa.text("stage = 'queued' AND offer_id IS NULL AND bound_to <> ''"),
        postgresql_where=sa.text("stage = 'queued' AND offer_id IS NULL AND bound_to <> ''"),
    )
    op.create_index("routing_by_holder", "routing", ["instance", "holder", "holds_until", "units"], unique=False)
    op.create_index("routing_by_agent", "routing", ["instance", "agent"], unique=False)
    op.create_index("routing_by_queue", "routing", ["instance", "queue"], unique=False)
    op.create_index(
        "routing_by_kind",
        "routing",
        [
            "instance",
            "queue",
            "workstream",
            "bound_to",
            "units",
            "in_turn",
            "priority",
            "queued_since",
            "conversation_id",
        ],
        unique=False,
        sqlite_where=sa.text("stage = 'queued' AND offer_id IS NULL"),
        postgresql_where=sa.text("stage = 'queued' AND offer_id IS NULL"),
    )
    op.create_index(
        "routing_by_offer",
        "routing",
        ["offer_until"],
        unique=False,
        sqlite_where=sa.text("offer_id IS NOT NULL"),
        postgresql_where=sa.text("offer_id IS NOT NULL"),
    )
    op.create_index(
        "routing_by_order",
        "routing",
        ["instance", "queue", "in_turn", "priority", "queued_since", "conversation_id"],
        unique=False,
        sqlite_where=sa.text("stage = 'queued' AND offer_id IS NULL"),
        postgresql_where=sa.text("stage = 'queued' AND offer_id IS NULL"),
    )
    op.create_table(
        "routing_leases",
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("process_id", sa.String(length=64), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("file", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("instance"),
    )
    op.create_table(
        "routing_rejections",
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "user"),
    )
    op.create_table(
        "routing_waits",
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("queue", sa.String(length=256), nullable=False),
        sa.Column("assigned_at", sa.BigInteger(), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("milliseconds", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "queue", "assigned_at", "conversation_id"),
    )
    op.create_index("routing_waits_by_time", "routing_waits", ["assigned_at"], unique=False)
    op.create_table(
        "streams",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("topic", sa.String(length=350), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_streams_conversation_id"), "streams", ["conversation_id"], unique=False)
    op.create_index(
        "streams_unfinished",
        "streams",
        ["instance", "topic", "started_at", "id"],
        unique=False,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "contact_notes",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("contact_id", sa.String(length=256), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("contact_notes_by_time", "contact_notes", ["conversation_id", "at", "id"], unique=False)
    op.create_table(
        "contacts",
        sa.Column("id", sa.String(length=256), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("initiation_method", sa.String(length=32), nullable=False),
        sa.Column("previous_contact_id", sa.String(length=256), nullable=True),
        sa.Column("related_contact_id", sa.String(length=256), nullable=True),
        sa.Column("queue", sa.String(length=256), nullable=True),
        sa.Column("initiated_at", sa.BigInteger(), nullable=False),
        sa.Column("enqueued_at", sa.BigInteger(), nullable=True),
        sa.Column("agent_user", sa.String(length=256), nullable=True),
        sa.Column("agent_connected_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("wrapped_up_at", sa.BigInteger(), nullable=True),
        sa.Column("last_seq", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.String(length=64), nullable=True),
        sa.Column("attributes", sa.JSON(), nullable=True),
        sa.Column("name", sa.String(length=1024), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("references", sa.JSON(), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("contacts_by_agent", "contacts", ["instance", "agent_user", "initiated_at", "id"], unique=False)
    op.create_index("contacts_by_connection", "contacts", ["instance", "agent_connected_at", "id"], unique=False)
    op.create_index(
        "contacts_by_conversation", "contacts", ["conversation_id", "initiated_at", "last_seq"], unique=False
    )
    op.create_index("contacts_by_end", "contacts", ["instance", "ended_at", "id"], unique=False)
    op.create_index("contacts_by_enqueuing", "contacts", ["instance", "enqueued_at", "id"], unique=False)
    op.create_index("contacts_by_initiation", "contacts", ["instance", "initiated_at", "id"], unique=False)
    op.create_index("contacts_by_queue", "contacts", ["instance", "queue", "initiated_at", "id"], unique=False)
    op.create_index(
        "contacts_open_by_agent",
        "contacts",
        ["instance", "agent_user", "initiated_at"],
        unique=False,
        sqlite_where=sa.text("wrapped_up_at IS NULL"),
        postgresql_where=sa.text("wrapped_up_at IS NULL"),
    )
    op.create_table(
        "feed_events",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=256), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("contact_id", sa.String(length=256), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.BigInteger(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("conversation_id", "seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("feed_events_by_position", "feed_events", ["instance", "transaction_id", "number"], unique=False)
    op.create_table(
        "feed_starts",
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance"),
    )
    op.create_table(
        "webhooks",
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=350), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("process_id", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("instance", "name"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=350), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("event_id", sa.String(length=256), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_webhook_deliveries_conversation_id"), "webhook_deliveries", ["conversation_id"], unique=False
    )
    op.create_index("webhook_deliveries_by_webhook", "webhook_deliveries", ["instance", "name", "number"], unique=False)
    op.create_table(
        "items",
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=256), nullable=False),
        sa.Column("contact_id", sa.String(length=256), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("participant_id", sa.String(length=256), nullable=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=True),
        sa.Column("trigger", sa.String(length=64), nullable=True),
        sa.Column("attachment", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.PrimaryKeyConstraint("conversation_id", "seq"),
        sa.UniqueConstraint("conversation_id", "id"),
    )
    op.create_index("items_by_time", "items", ["conversation_id", "at"], unique=False)
    op.create_table(
        "attachments",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("contact_id", sa.String(length=256), nullable=False),
        sa.Column("participant_id", sa.String(length=256), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("upload", sa.String(length=64), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("attachments_by_conversation", "attachments", ["conversation_id", "started_at"], unique=False)
    op.create_index(
        "attachments_unrecorded",
        "attachments",
        ["started_at"],
        unique=False,
        sqlite_where=sa.text("recorded_at IS NULL"),
        postgresql_where=sa.text("recorded_at IS NULL"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("consumed", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.PrimaryKeyConstraint("conversation_id"),
    )
    op.create_table(
        "participants",
        sa.Column("id", sa.String(length=256), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=True),
        sa.Column("presence", sa.String(length=16), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=True),
        sa.Column("left_at", sa.BigInteger(), nullable=True),
        sa.Column("delivered_seq", sa.BigInteger(), nullable=False),
        sa.Column("read_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_participants_conversation_id"), "participants", ["conversation_id"], unique=False)
    op.create_table(
        "monitors",
        sa.Column("participant_id", sa.String(length=256), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("contact_id", sa.String(length=256), nullable=False),
        sa.Column("may_barge", sa.Boolean(), nullable=False),
        sa.Column("lost_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"],
            ["participants.id"],
        ),
        sa.PrimaryKeyConstraint("participant_id"),
    )
    op.create_index(op.f("ix_monitors_conversation_id"), "monitors", ["conversation_id"], unique=False)
    op.create_index(op.f("ix_monitors_lost_at"), "monitors", ["lost_at"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=512), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=512), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_by_instance", "audit", ["instance", "at", "id"], unique=False)
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False)
