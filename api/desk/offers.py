"""What an agent is offered, and their answer."""

from __future__ import annotations

from typing import Annotated

from annotated_types import MaxLen
from fastapi import APIRouter, Path

from api.described import Nothing, refused
from api.desk import answers
from api.desk.contacts import as_mine
from api.desk.signing_in import AtDesk, Desk
from api.refusals import ask, refusal_error
from api.services import Parts, Services
from api.wire import Text
from domain.errors import ConversationEnded, MalformedRequest
from store.board.desk import AgentId, ended_offer
from store.board.offers import offers_to
from store.board.values import Offer, Outcome
from store.customers import Caller, callers
from workflows.events import Accept, Reject

router = APIRouter(prefix="/v1/agent/offers", tags=["agent"], responses=refused(because="offer_id: the offer is over."))

OfferId = Annotated[Text, MaxLen(64), Path(description="An offer of `GET /v1/agent/offers`.")]


@router.get("")
async def my_offers(parts: Parts, desk: AtDesk) -> answers.Offers:
    """What the agent is offered at this moment, the oldest first."""
    offers = await offers_to(parts.db, desk.instance, desk.user)
    who = await callers(parts.db, [offer.conversation_id for offer in offers])
    return answers.Offers(offers=[_shown(offer, who[offer.conversation_id]) for offer in offers])


@router.post("/{offer_id}/accept")
async def accept(offer_id: OfferId, parts: Parts, desk: AtDesk) -> answers.Contact:
    """Takes what is offered; answers with the contact, which is the agent's from now on. Repeating it changes nothing."""
    conversation_id = await _answer(parts, desk, Accept(offer_id=offer_id, by=desk.user), Outcome.ACCEPTED)
    taken = await as_mine(parts, desk, conversation_id)
    if taken is None:
        raise ConversationEnded
    return taken


@router.post("/{offer_id}/reject")
async def reject(offer_id: OfferId, parts: Parts, desk: AtDesk) -> Nothing:
    """Does not take it: it goes to the next agent. Repeating it changes nothing."""
    await _answer(parts, desk, Reject(offer_id=offer_id, by=desk.user), Outcome.REJECTED)
    return Nothing()


async def _answer(parts: Services, desk: Desk, answer: Accept | Reject, outcome: Outcome) -> str:
    """Send the agent's answer to the conversation. Idempotent: an offer that has ended with this outcome is no error.

    Returns:
        The id of the conversation.

    Raises:
        MalformedRequest: the offer has ended with another outcome, or is not an offer to this agent.
    """
    offer = await _find(parts, desk, answer.offer_id)
    if offer is None:
        ended = await ended_offer(parts.db, AgentId(desk.instance, desk.user), answer.offer_id)
        if ended and ended[1] is outcome:
            return ended[0]
        raise MalformedRequest(f"offer_id: the offer is over{f': {ended[1]}' if ended else ''}.")
    refused = await ask(parts.engine, offer.conversation_id, answer)
    if refused and await _find(parts, desk, offer.id):
        # the conversation may not know the offer yet: the agent answered before the dispatcher sent it
        await parts.dispatcher.tell(offer)
        refused = await ask(parts.engine, offer.conversation_id, answer)
    if refused:
        raise refusal_error(refused, "offer_id")
    return offer.conversation_id


async def _find(parts: Services, desk: Desk, offer_id: str) -> Offer | None:
    offers = await offers_to(parts.db, desk.instance, desk.user)
    return next((offer for offer in offers if offer.id == offer_id), None)


def _shown(offer: Offer, who: Caller) -> answers.Offer:
    return answers.Offer(
        offer_id=offer.id,
        contact_id=offer.contact_id,
        initial_contact_id=offer.conversation_id,
        workstream=offer.workstream,
        queue=offer.queue,
        customer=who.name,
        attributes=dict(who.attributes),
        offered_at=offer.offered_at,
        until=offer.until,
    )
