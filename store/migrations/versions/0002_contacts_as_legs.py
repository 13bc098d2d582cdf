"""several contacts in one conversation, and the link of a conversation to its past"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("contacts", sa.Column("last_seq", sa.BigInteger(), nullable=True))
    op.add_column("contacts", sa.Column("end_reason", sa.String(length=64), nullable=True))
    op.add_column("conversations", sa.Column("association_id", sa.String(length=256), nullable=True))
    op.add_column("conversations", sa.Column("continued_from", sa.String(length=256), nullable=True))
    op.add_column("conversations", sa.Column("past_id", sa.String(length=256), nullable=True))
    op.add_column("conversations", sa.Column("past_seq", sa.BigInteger(), nullable=True))
    op.add_column("conversations", sa.Column("past_items", sa.BigInteger(), nullable=True))
