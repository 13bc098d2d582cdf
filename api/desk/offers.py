"""What an agent is offered, and their answer."""

from __future__ import annotations

from typing import Annotated, Protocol

from annotated_types import MaxLen
from fastapi import APIRouter, Path

from api.described import Nothing, refused
from api.desk import answers
from api.desk.claiming import unless_over
from api.desk.contacts import as_mine
from api.desk.signing_in import AtDesk, Desk
from api.services import Parts, Services
from api.wire import Text
from domain.errors import ConversationEnded, MalformedRequest
from store.board.desk import AgentId, ended_offer
from store.board.offers import offers_to
from store.board.values import Offer, Outcome
from store.customers import Caller, callers

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
    conversation_id = await _answered(parts, desk, offer_id, parts.gateway.accept, Outcome.ACCEPTED)
    taken = await as_mine(parts, desk, conversation_id)
    if taken is None:
        raise ConversationEnded
    return taken


@router.post("/{offer_id}/reject")
async def reject(offer_id: OfferId, parts: Parts, desk: AtDesk) -> Nothing:
    """Does not take it: it goes to the next agent. Repeating it changes nothing."""
    await _answered(parts, desk, offer_id, parts.gateway.reject, Outcome.REJECTED)
    return Nothing()


class _Answer(Protocol):
    async def __call__(self, conversation_id: str, offer_id: str, by: str) -> str | None: ...


async def _answered(parts: Services, desk: Desk, offer_id: str, answer: _Answer, wanted: Outcome) -> str:
    """Gives the agent's answer to the conversation and returns its id, also where it has this answer already.

    Raises:
        MalformedRequest: the offer has ended otherwise, or is none to this agent.
    """
    offer = await _find(parts, desk, offer_id)
    if offer is None:
        ended = await ended_offer(parts.db, AgentId(desk.instance, desk.user), offer_id)
        if ended and ended[1] is wanted:
            return ended[0]
        raise MalformedRequest(f"offer_id: the offer is over{f': {ended[1]}' if ended else ''}.")
    refusal = await unless_over(answer(offer.conversation_id, offer.id, by=desk.user))
    if refusal and await _find(parts, desk, offer_id):
        # an agent may be faster than whoever tells the conversation of the offer; to be told twice is no news to it
        await parts.dispatcher.tell(offer)
        refusal = await unless_over(answer(offer.conversation_id, offer.id, by=desk.user))
    if refusal:
        raise MalformedRequest(f"offer_id: {refusal}.")
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
