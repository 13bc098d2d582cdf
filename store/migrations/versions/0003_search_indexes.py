"""indexes for the contact search"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("contacts_by_initiation", "contacts", ["initiated_at", "id"], unique=False)
    op.create_index("contacts_by_enqueuing", "contacts", ["enqueued_at", "id"], unique=False)
    op.create_index("contacts_by_connection", "contacts", ["agent_connected_at", "id"], unique=False)
    op.create_index("contacts_by_end", "contacts", ["ended_at", "id"], unique=False)
