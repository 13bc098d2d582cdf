"""index for the conversations of a customer"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_index(
        "conversations_by_customer",
        "conversations",
        ["customer_id", "workstream", "instance", "started_at"],
        unique=False,
    )
