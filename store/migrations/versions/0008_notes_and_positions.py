"""notes about contacts, announced queue positions, and whether a conversation was notified of a connection"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "contact_notes",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("contact_id", sa.String(length=256), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("contact_notes_by_time", "contact_notes", ["conversation_id", "at", "id"])
    op.create_table(
        "told_positions",
        sa.Column("contact_id", sa.String(length=256), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id"),
    )
    op.create_index("ix_told_positions_at", "told_positions", ["at"])
    # the default is for processes of an older version that still run: they notify the conversation at once
    op.add_column("connections", sa.Column("told", sa.Boolean(), nullable=False, server_default=sa.true()))
