"""Offers to an agent: list, accept, reject."""

from __future__ import annotations

from typing import Annotated

from annotated_types import MaxLen
from fastapi import APIRouter, Path

from api.agent.authentication import ByAgentToken, SignedInAgent
from api.agent.contacts import current_contact
from api.agent.responses import ContactResponse, OfferResponse, OffersResponse
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute, EmptyResponse, error_responses
from api.refusals import refusal_error, try_command
from domain.errors import ConversationEnded, MalformedRequest, NotFound
from domain.events import AcceptOffer, RejectOffer
from domain.routing import Offer, OfferOutcome
from routing.agent_events import AgentId, find_ended_offer
from routing.offers import offers_to_agent
from store.customers import CustomerSummary, customer_summaries
from wire.models import Text

router = APIRouter(
    prefix="/v1/agent/offers",
    tags=["agent"],
    route_class=DescribedRoute,
    responses=error_responses(message="offer_id: the offer is over."),
)

OfferId = Annotated[Text, MaxLen(64), Path(description="An offer of `GET /v1/agent/offers`.")]


@router.get("")
async def list_offers(services: ServicesInRequest, agent: ByAgentToken) -> OffersResponse:
    """Returns the agent's pending offers, oldest first."""
    offers = await offers_to_agent(services.db, agent.instance, agent.user)
    customers = await customer_summaries(services.db, [offer.conversation_id for offer in offers])
    return OffersResponse(offers=[_response(offer, customers[offer.conversation_id]) for offer in offers])


@router.post("/{offer_id}/accept")
async def accept_offer(offer_id: OfferId, services: ServicesInRequest, agent: ByAgentToken) -> ContactResponse:
    """Accepts an offer, and returns the contact, which is now the agent's. Idempotent."""
    conversation_id = await _answer(
        services, agent, AcceptOffer(offer_id=offer_id, by=agent.user), OfferOutcome.ACCEPTED
    )
    accepted = await current_contact(services, agent, conversation_id)
    if accepted is None:
        raise ConversationEnded
    return accepted


@router.post("/{offer_id}/reject")
async def reject_offer(offer_id: OfferId, services: ServicesInRequest, agent: ByAgentToken) -> EmptyResponse:
    """Rejects an offer, which goes to the next agent. Idempotent."""
    await _answer(services, agent, RejectOffer(offer_id=offer_id, by=agent.user), OfferOutcome.REJECTED)
    return EmptyResponse()


async def _answer(
    services: Services, agent: SignedInAgent, answer: AcceptOffer | RejectOffer, outcome: OfferOutcome
) -> str:
    """Send the agent's answer to the conversation. Idempotent: an offer that has ended with this outcome is no error.

    Returns:
        The id of the conversation.

    Raises:
        MalformedRequest: the offer has ended with another outcome.
        NotFound: there is no such offer to this agent, and there was none lately.
        EngineUnavailable: the engine does not answer.
    """
    offer = await _find_offer(services, agent, answer.offer_id)
    if offer is None:
        ended = await find_ended_offer(services.db, AgentId(agent.instance, agent.user), answer.offer_id)
        if ended and ended[1] is outcome:
            return ended[0]
        if ended is None:
            raise NotFound(f"offer_id: you have no offer {answer.offer_id!r}, and had none lately.")
        raise MalformedRequest(f"offer_id: the offer is over: {ended[1]}.")
    refused = await try_command(services.engine, offer.conversation_id, answer)
    if refused and await _find_offer(services, agent, offer.id):
        # the agent may answer before the dispatcher has sent the offer to the conversation; sending it twice has no effect
        await services.dispatcher.notify_conversation(offer)
        refused = await try_command(services.engine, offer.conversation_id, answer)
    if refused:
        raise refusal_error(refused, "offer_id")
    return offer.conversation_id


async def _find_offer(services: Services, agent: SignedInAgent, offer_id: str) -> Offer | None:
    offers = await offers_to_agent(services.db, agent.instance, agent.user)
    return next((offer for offer in offers if offer.id == offer_id), None)


def _response(offer: Offer, customer: CustomerSummary) -> OfferResponse:
    return OfferResponse(
        offer_id=offer.id,
        contact_id=offer.contact_id,
        initial_contact_id=offer.conversation_id,
        workstream=offer.workstream,
        queue=offer.queue,
        customer=customer.name,
        attributes=dict(customer.attributes),
        offered_at=offer.offered_at,
        until=offer.until,
    )
