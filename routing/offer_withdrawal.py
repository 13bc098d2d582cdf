"""Withdrawal of offers to agents who are absent or disconnected."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

from domain.errors import ConversationEnded, Unavailable
from domain.events import WithdrawOffer
from domain.routing import Offer, OfferOutcome
from engine.client import ConversationClient
from routing import offers
from runtime.bus import Bus, routing_has_changed
from store.database import Database


async def withdraw_offers(db: Database, bus: Bus, engine: ConversationClient, open_offers: Iterable[Offer]) -> None:
    """Withdraw offers: in the store first, so that the next agent gets them at once, then in their conversations.

    Does not increment the agent's missed-offer count. Offers that have ended meanwhile are skipped. A conversation that cannot
    be notified replaces the offer when it receives the next one.
    """
    withdrawn = [
        offer for offer in open_offers if await offers.end_offer(db, offer, OfferOutcome.WITHDRAWN, datetime.now(UTC))
    ]
    for offer in withdrawn:
        await bus.announce(routing_has_changed(offer.instance, offer.queue))
    await asyncio.gather(*(_notify_conversation(engine, offer) for offer in withdrawn))


async def _notify_conversation(engine: ConversationClient, offer: Offer) -> None:
    with suppress(ConversationEnded, Unavailable):
        await engine.signal(offer.conversation_id, WithdrawOffer(offer_id=offer.id))
