"""events for agents' clients"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("agents", sa.Column("desk_seq", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("agents", sa.Column("lost_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "desk_events",
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "user", "seq"),
    )
    op.create_index("desk_events_by_time", "desk_events", ["at"], unique=False)
