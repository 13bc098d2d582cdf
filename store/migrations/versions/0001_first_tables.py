"""conversations, contacts, participants, transcripts and connections"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "connections",
        sa.Column("participant_id", sa.String(length=256), nullable=False),
        sa.Column("process_id", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("departed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("participant_id", "process_id"),
    )
    op.create_index(op.f("ix_connections_departed_at"), "connections", ["departed_at"], unique=False)
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
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("segment_attributes", sa.JSON(), nullable=False),
        sa.Column("content_types", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.String(length=64), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
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
        "contacts",
        sa.Column("id", sa.String(length=256), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
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
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_contacts_agent_user"), "contacts", ["agent_user"], unique=False)
    op.create_index(op.f("ix_contacts_conversation_id"), "contacts", ["conversation_id"], unique=False)
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
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.PrimaryKeyConstraint("conversation_id", "seq"),
        sa.UniqueConstraint("conversation_id", "id"),
    )
    op.create_index("items_by_time", "items", ["conversation_id", "at"], unique=False)
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
