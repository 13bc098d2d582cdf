"""Queues of an agent: lists the waiting contacts, and assigns one that the agent picks."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter

from api.agent.authentication import ByAgentToken, SignedInAgent
from api.agent.claims import claim, confirm_claim
from api.agent.contacts import current_contact
from api.agent.requests import Queue
from api.agent.responses import (
    ContactResponse,
    QueuedContactResponse,
    QueuedContactsResponse,
    QueueLengthResponse,
    QueuesResponse,
)
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute, error_responses
from api.refusals import refusal_error
from domain.errors import NotFound
from domain.events import AcceptOffer
from domain.refusals import RefusalCode, refusal
from routing import queues
from routing.records import QueuedContact
from routing.supervision import queue_lengths
from store import conversations
from wire.models import ContactId

router = APIRouter(
    prefix="/v1/agent/queues",
    tags=["agent"],
    route_class=DescribedRoute,
    responses=error_responses(message="pick: you have no capacity left."),
)

MAX_WAITING_CONTACTS = 100


@router.get("")
async def list_queues(services: ServicesInRequest, agent: ByAgentToken) -> QueuesResponse:
    """Returns the queues that the agent serves, by name: how many contacts wait without an offer, and since when.

    An agent who serves all queues also sees a removed queue in which contacts still wait.
    """
    served = await _served_queues(services, agent)
    return QueuesResponse(
        queues=[
            QueueLengthResponse(queue=queue, waiting=count, longest_since=since)
            for queue, (count, since) in sorted(served.items())
        ]
    )


@router.get("/{queue}")
async def list_queued_contacts(
    queue: Queue, services: ServicesInRequest, agent: ByAgentToken
) -> QueuedContactsResponse:
    """Returns the first 100 contacts of a queue that are not offered to an agent, next first."""
    await _require_served(services, agent, queue)
    found = await queues.queued_contacts(services.db, agent.instance, queue, limit=MAX_WAITING_CONTACTS)
    return QueuedContactsResponse(contacts=[_response(position, waiting) for position, waiting in enumerate(found, 1)])


@router.post("/{queue}/contacts/{contact_id}/pick")
async def pick_contact(
    queue: Queue, contact_id: ContactId, services: ServicesInRequest, agent: ByAgentToken
) -> ContactResponse:
    """Takes a contact out of a queue, regardless of its position and of its affinity to another agent. Idempotent.

    Returns the contact, which is now the agent's.
    """
    await _require_served(services, agent, queue)
    found = await conversations.find_contact(services.db, agent.instance, contact_id)
    if found is None or found[0].queue != queue:
        raise NotFound(f"contact_id: there is no contact {contact_id!r} in queue {queue!r}.")
    contact, conversation = found
    is_queued = contact.ended_at is None and conversation.state == "OPEN"
    claimed = await claim(services, agent, conversation) if is_queued else RefusalCode.NOT_WAITING
    if isinstance(claimed, RefusalCode):
        own = await current_contact(services, agent, conversation.id)
        if own and own.state == "ACTIVE":
            return own
        raise refusal_error(refusal(claimed), "pick")
    await services.dispatcher.notify_conversation(claimed)
    refused = await confirm_claim(services, claimed, AcceptOffer(offer_id=claimed.id, by=agent.user))
    # with automatic acceptance the agent may have the contact already; accepting again changes nothing
    picked = await current_contact(services, agent, conversation.id)
    if picked is None:
        raise refusal_error(refused or refusal(RefusalCode.OFFER_OVER), "pick")
    return picked


async def _served_queues(services: Services, agent: SignedInAgent) -> dict[str, tuple[int, datetime | None]]:
    """Return the agent's queues, each with the number of waiting contacts and the start of the longest wait.

    An agent who serves all queues also serves a removed queue in which contacts still wait.
    """
    waiting = await queue_lengths(services.db, agent.instance)
    names = agent.queues | waiting.keys() if agent.settings.queues is None else agent.queues
    return {queue: waiting.get(queue, (0, None)) for queue in names}


async def _require_served(services: Services, agent: SignedInAgent, queue: str) -> None:
    if queue not in agent.queues and queue not in await _served_queues(services, agent):
        raise NotFound(f"queue: you serve no queue {queue!r}.")


def _response(position: int, waiting: QueuedContact) -> QueuedContactResponse:
    return QueuedContactResponse(
        position=position,
        contact_id=waiting.contact_id,
        initial_contact_id=waiting.conversation_id,
        workstream=waiting.workstream,
        since=waiting.enqueued_at,
        priority=waiting.priority,
        ahead=waiting.ahead,
        units=waiting.units,
        bound_to=waiting.bound_to or None,
    )
