"""Taking what nobody was offered: the board keeps it for the agent, then the conversation gives it to them.

The board's claim takes their capacity at once, so that nothing else fills it meanwhile. If this process dies in between, the
claim is an offer like any other: its conversation is told of it and the agent may still accept it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime

from api.desk.signing_in import Desk
from api.services import Services
from domain.errors import ConversationEnded
from store.board import offers
from store.board.values import Offer, Outcome, Refusal
from store.records import Conversation

REASONS = {Refusal.FULL: "you have no capacity left", Refusal.NOT_SERVED: "you do not serve its queue"}


async def claim(parts: Services, desk: Desk, conversation: Conversation) -> Offer | Refusal:
    """Keeps a conversation for an agent; over their capacity only if its workstream allows that."""
    workstream = desk.configured.workstreams.get(conversation.workstream)
    over_capacity = workstream is None or workstream.over_capacity
    return await offers.claim(parts.db, conversation.id, desk.user, datetime.now(UTC), over_capacity=over_capacity)


async def given(parts: Services, claimed: Offer, giving: Awaitable[str | None]) -> str | None:
    """Has a claimed conversation given to the agent, and takes the claim back where that is refused. Returns why, or None."""
    refused = await unless_over(giving)
    if refused:
        await offers.revoke(parts.db, claimed, Outcome.WITHDRAWN, datetime.now(UTC))
    return refused


async def unless_over(answer: Awaitable[str | None]) -> str | None:
    """Why a conversation refuses something, or None; that it is over is a reason like any other."""
    try:
        return await answer
    except ConversationEnded:
        return "the conversation has ended"


def reason(refusal: Refusal) -> str:
    """Why an agent cannot have a conversation, as they are told."""
    return REASONS.get(refusal, str(refusal))
