"""One open chat for each customer of a workstream, where the workstream asks for it (`one_chat_per_customer`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

from store import client_tokens, conversations
from store.client_tokens import TokenUse
from store.customers import latest_conversation
from store.database import Database

CLAIM_LIFE = timedelta(minutes=1)
"""How long a start keeps others away that find no record of its chat yet. It takes seconds at most."""

_NAMESPACE = UUID("5e0f3c1b-6a0d-4d4c-8a56-0b1f6a3f2f9e")


async def claim_open_chat(db: Database, instance: str, workstream: str, customer_id: str) -> str:
    """Return the id of the customer's open chat, or else the id for a new one. Concurrent starts get the same id."""
    latest = await latest_conversation(db, instance, workstream, customer_id)
    if latest and not await _has_ended(db, latest):
        return latest
    claim_id = str(uuid5(_NAMESPACE, f"{instance}/{workstream}/{customer_id}"))
    while True:
        now = datetime.now(UTC)
        use = await client_tokens.claim(db, claim_id, TokenUse("", str(uuid4())), now, now - CLAIM_LIFE)
        if not await _has_ended(db, use.resource_id):
            return use.resource_id
        await client_tokens.release(db, claim_id, use)


async def _has_ended(db: Database, conversation_id: str) -> bool:
    conversation = await conversations.find_conversation(db, conversation_id)
    return conversation is not None and conversation.interaction_ended
