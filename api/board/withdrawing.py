"""Taking back what is offered to somebody who is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

from domain.errors import ConversationEnded, Unavailable
from engine.client import ConversationClient
from runtime.bus import Bus, board_has_changed
from store.board import offers
from store.board.values import Offer, Outcome
from store.database import Database
from workflows.events import Withdraw


async def withdraw(db: Database, bus: Bus, gateway: ConversationClient, made: Iterable[Offer]) -> None:
    """Takes offers back: on the board at once, so that the next agent gets them, then from the conversations.

    Nothing is held against whom they were made to. A conversation that cannot be told learns it from the next offer. What another
    process was faster to take back is its to tell.
    """
    stood = [offer for offer in made if await offers.revoke(db, offer, Outcome.WITHDRAWN, datetime.now(UTC))]
    for offer in stood:
        await bus.announce(board_has_changed(offer.instance, offer.queue))
    await asyncio.gather(*(_tell(gateway, offer) for offer in stood))


async def _tell(gateway: ConversationClient, offer: Offer) -> None:
    with suppress(ConversationEnded, Unavailable):
        await gateway.signal(offer.conversation_id, Withdraw(offer_id=offer.id))
