"""Withdrawal of offers to agents who are no longer there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

from api.errors import Ended, Unavailable
from api.gateway import Gateway
from runtime.bus import Bus, board_has_changed
from store.board import offers
from store.board.values import Offer, Outcome
from store.database import Database


async def withdraw(db: Database, bus: Bus, gateway: Gateway, made: Iterable[Offer]) -> None:
    """Withdraw offers: in the store first, so that the next agent gets them at once, then in their conversations.

    Does not increment the agent's missed-offer count. Offers that have ended meanwhile are skipped. A conversation that cannot
    be notified learns of the withdrawal with its next offer.
    """
    withdrawn = [offer for offer in made if await offers.revoke(db, offer, Outcome.WITHDRAWN, datetime.now(UTC))]
    for offer in withdrawn:
        await bus.announce(board_has_changed(offer.instance, offer.queue))
    await asyncio.gather(*(_notify_conversation(gateway, offer) for offer in withdrawn))


async def _notify_conversation(gateway: Gateway, offer: Offer) -> None:
    with suppress(Ended, Unavailable):
        await gateway.withdraw(offer.conversation_id, offer.id)
