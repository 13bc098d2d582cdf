"""Operations of supervisors on all agents and contacts of their instance."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import uuid4

from annotated_types import Interval
from fastapi import APIRouter, Depends, Query, Request

from api.agent.agent_status import agent_response, change_agent_status
from api.agent.authentication import ByAgentToken, SignedInAgent
from api.agent.contacts import is_done
from api.agent.notes import notes_response
from api.agent.requests import AgentStatusRequest, AssignRequest, Queue, TransferRequest, User
from api.agent.responses import (
    AgentResponse,
    AgentsResponse,
    NotesResponse,
    OpenContactResponse,
    OpenContactsResponse,
    TransferResponse,
)
from api.audit import AuditedRoute, begin_audit
from api.bodies import JsonBody
from api.connect.transfers import OWN_MEMBERS, TransferTarget, transfer
from api.dependencies import Services, ServicesInRequest
from api.openapi import EmptyResponse, error_responses
from api.refusals import execute_or_raise, refusal_error
from domain.errors import AccessDenied, ConversationEnded, MalformedRequest, NotFound
from domain.events import Assign, Close, End, Release
from domain.refusals import RefusalCode, refusal
from routing.agents import agent_states
from routing.placement import remove_from_routing
from routing.supervision import SupervisedContact, open_contacts
from store import conversations
from store.customers import customer_names
from store.notes import contact_notes
from store.records import StoredContact, StoredConversation
from wire.models import ContactId

router = APIRouter(
    prefix="/v1/supervision",
    tags=["supervision"],
    route_class=AuditedRoute,
    responses=error_responses(name="AccessDeniedException", message="Only a supervisor may do that."),
)

Action = Literal["release", "end", "close"]
OpenState = Literal["OPEN", "ACTIVE", "WAITING", "WRAP_UP"]
"""States of a conversation that is not closed."""


async def _supervisor(request: Request, agent: ByAgentToken) -> SignedInAgent:
    if not agent.settings.supervisor:
        raise AccessDenied("Only a supervisor may do that.")
    begin_audit(request, agent.instance, actor_of(agent))
    return agent


BySupervisor = Annotated[SignedInAgent, Depends(_supervisor)]


@router.get("/agents")
async def list_agents(services: ServicesInRequest, supervisor: BySupervisor) -> AgentsResponse:
    """Returns the state of every agent of the instance, by user."""
    found = await agent_states(services.db, supervisor.instance, datetime.now(UTC))
    return AgentsResponse(agents=[agent_response(state, supervisor.instance_settings) for state in found])


@router.put("/agents/{user}/status")
async def set_status(
    user: User, services: ServicesInRequest, supervisor: BySupervisor, body: JsonBody[AgentStatusRequest]
) -> AgentResponse:
    """Sets the status of an agent, with the same effects as when the agent sets it."""
    _agent_name(supervisor, user)
    state = await change_agent_status(services, supervisor.instance, user, body.status, when_free=body.when_free)
    return agent_response(state, supervisor.instance_settings)


@router.get("/contacts")
async def list_open_contacts(
    services: ServicesInRequest,
    supervisor: BySupervisor,
    state: Annotated[OpenState | None, Query(description="Only contacts in this state.")] = None,
    queue: Annotated[Queue | None, Query(description="Only contacts of this queue.")] = None,
    agent: Annotated[User | None, Query(description="Only contacts of this agent, or offered to them.")] = None,
    limit: Annotated[int, Interval(ge=1, le=1_000), Query(description="Maximum number of contacts.")] = 1_000,
) -> OpenContactsResponse:
    """Returns the contacts that are queued, with an agent, parked, or in an agent's wrap-up, oldest first.

    They can be filtered by state, queue or agent.
    """
    found = await open_contacts(
        services.db, supervisor.instance, state=state, queue=queue, agent=agent, limit=limit + 1
    )
    names = await customer_names(services.db, [each.conversation_id for each in found[:limit]])
    contacts = [_response(each, names.get(each.conversation_id, "")) for each in found[:limit]]
    return OpenContactsResponse(contacts=contacts, more=len(found) > limit)


@router.post("/contacts/{contact_id}/assign")
async def assign_contact(
    contact_id: ContactId, services: ServicesInRequest, supervisor: BySupervisor, body: JsonBody[AssignRequest]
) -> EmptyResponse:
    """Assigns a waiting or parked contact to an agent, regardless of their status, queues and capacity.

    The conversation decides in one step: if two supervisors assign it at the same time, one is refused. A pending offer to
    another agent ends.
    """
    name = _agent_name(supervisor, body.user)
    _, conversation = await _find_running(services, supervisor, contact_id)
    command = Assign(user=body.user, name=name, by=actor_of(supervisor))
    await execute_or_raise(services.engine, conversation.id, command, "assign")
    return EmptyResponse()


@router.post("/contacts/{contact_id}/transfer")
async def transfer_contact(
    contact_id: ContactId, services: ServicesInRequest, supervisor: BySupervisor, body: JsonBody[TransferRequest]
) -> TransferResponse:
    """Transfers a contact from its agent, and returns the id of the contact as which the chat continues."""
    contact, conversation = await _find_running(services, supervisor, contact_id)
    new_id, target = str(uuid4()), TransferTarget(body.queue, body.user, OWN_MEMBERS)
    settings, by = supervisor.instance_settings, actor_of(supervisor)
    await transfer(services, settings, contact, conversation, target, new_id=new_id, by=by)
    return TransferResponse(contact_id=new_id)


@router.post("/contacts/{contact_id}/{action}")
async def perform_action(
    contact_id: ContactId, action: Action, services: ServicesInRequest, supervisor: BySupervisor
) -> EmptyResponse:
    """Releases a contact from its agent to its queue, ends a chat, or closes a wrap-up.

    A repeated action changes nothing. If the conversation's workflow is gone, because an operator terminated it, its agent
    becomes free.
    """
    contact, conversation = await _find(services, supervisor, contact_id)
    if is_done(action, contact, conversation):
        return EmptyResponse()
    if contact.ended_at is not None and action != "close":
        raise MalformedRequest("contact_id: the contact has ended.")
    command = {"release": Release, "end": End, "close": Close}[action](by=actor_of(supervisor))
    try:
        refused = await services.engine.execute_command(conversation.id, command)
    except ConversationEnded:
        await remove_from_routing(services.db, conversation.id, datetime.now(UTC))
        if action == "end":  # nothing else is left to end
            return EmptyResponse()
        refused = refusal(RefusalCode.CONVERSATION_ENDED)
    if refused and not is_done(action, *await _find(services, supervisor, contact_id)):
        raise refusal_error(refused, action)
    return EmptyResponse()


@router.get("/contacts/{contact_id}/notes")
async def list_notes(contact_id: ContactId, services: ServicesInRequest, supervisor: BySupervisor) -> NotesResponse:
    """Returns the notes about all contacts of a conversation, oldest first."""
    _, conversation = await _find(services, supervisor, contact_id)
    return notes_response(await contact_notes(services.db, conversation.id))


async def _find(
    services: Services, supervisor: SignedInAgent, contact_id: str
) -> tuple[StoredContact, StoredConversation]:
    found = await conversations.find_contact(services.db, supervisor.instance, contact_id)
    if found is None:
        raise NotFound(f"contact_id: there is no contact {contact_id!r}.")
    return found


async def _find_running(
    services: Services, supervisor: SignedInAgent, contact_id: str
) -> tuple[StoredContact, StoredConversation]:
    found = await _find(services, supervisor, contact_id)
    if found[0].ended_at is not None:
        raise MalformedRequest("contact_id: the contact has ended.")
    return found


def _agent_name(supervisor: SignedInAgent, user: str) -> str:
    agent = supervisor.instance_settings.agents.get(user)
    if agent is None:
        raise NotFound(f"user: there is no agent {user!r}.")
    return agent.name


def actor_of(supervisor: SignedInAgent) -> str:
    """Name of a supervisor as the sender (`by`) of events. It is never the id of a participant."""
    return f"supervisor:{supervisor.user}"


def _response(contact: SupervisedContact, customer: str) -> OpenContactResponse:
    return OpenContactResponse(
        contact_id=contact.contact_id,
        initial_contact_id=contact.conversation_id,
        workstream=contact.workstream,
        queue=contact.queue,
        mode=contact.mode,
        state=contact.state,
        customer=customer,
        started_at=contact.started_at,
        since=contact.since,
        units=contact.units,
        agent=contact.agent,
        offered_to=contact.offered_to,
        offered_until=contact.offered_until,
    )
