"""agents, and the board: the first name of the routing table"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

IS_QUEUED = "stage = 'queued' AND offer_id IS NULL"
HAS_AFFINITY = f"{IS_QUEUED} AND bound_to <> ''"
IS_OFFERED = "offer_id IS NOT NULL"


def upgrade() -> None:
    create_agents()
    create_board()
    create_board_indexes()
    create_rejections_and_waits()


def create_agents() -> None:
    op.create_table(
        "agents",
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("presence", sa.String(length=32), nullable=False),
        sa.Column("presence_since", sa.BigInteger(), nullable=False),
        sa.Column("next_presence", sa.String(length=32), nullable=True),
        sa.Column("last_assigned_at", sa.BigInteger(), nullable=True),
        sa.Column("idle_since", sa.BigInteger(), nullable=False),
        sa.Column("missed", sa.Integer(), nullable=False),
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


def create_board() -> None:
    op.create_table(
        "board",
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
        sa.Column("enqueued_at", sa.BigInteger(), nullable=False),
        sa.Column("bound_to", sa.String(length=256), nullable=False),
        sa.Column("bound_until", sa.BigInteger(), nullable=True),
        sa.Column("holder", sa.String(length=256), nullable=True),
        sa.Column("holds_until", sa.BigInteger(), nullable=True),
        sa.Column("offer_id", sa.String(length=64), nullable=True),
        sa.Column("offered_at", sa.BigInteger(), nullable=True),
        sa.Column("offer_until", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id"),
    )


def create_board_indexes() -> None:
    order = ["in_turn", "priority", "enqueued_at", "conversation_id"]
    create_partial_index("board_by_kind", IS_QUEUED, ["instance", "queue", "workstream", "bound_to", "units", *order])
    create_partial_index("board_by_turn", IS_QUEUED, ["instance", "queue", *order])
    create_partial_index(
        "board_by_binding", HAS_AFFINITY, ["instance", "queue", "workstream", "bound_to", "bound_until"]
    )
    create_partial_index("board_by_offer", IS_OFFERED, ["offer_until"])
    op.create_index("board_by_holder", "board", ["instance", "holder", "holds_until", "units"], unique=False)


def create_partial_index(name: str, where: str, columns: list[str]) -> None:
    condition = sa.text(where)
    op.create_index(name, "board", columns, unique=False, sqlite_where=condition, postgresql_where=condition)


def create_rejections_and_waits() -> None:
    op.create_table(
        "board_passes",
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("user", sa.String(length=256), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "user"),
    )
    op.create_table(
        "board_waits",
        sa.Column("instance", sa.String(length=100), nullable=False),
        sa.Column("queue", sa.String(length=256), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("conversation_id", sa.String(length=256), nullable=False),
        sa.Column("milliseconds", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "queue", "taken_at", "conversation_id"),
    )
