"""Operations of an agent on their contacts: list, join as a ChatJS `AGENT`, transfer, end, park, resume, release, close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import uuid4

from fastapi import APIRouter

from api.agent.authentication import ByAgentToken, SignedInAgent
from api.agent.claims import claim, confirm_claim
from api.agent.requests import TransferRequest
from api.agent.responses import ChatDetailsResponse, ContactResponse, ContactsResponse, TransferResponse
from api.bodies import JsonBody
from api.connect.transfers import OWN_MEMBERS, TransferTarget, transfer
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute, EmptyResponse, error_responses
from api.participant.authentication import participant_token
from api.reconnections import LinkResponse, reconnect_link
from api.refusals import refusal_error, try_command
from configuration.policies import workstream_policy
from domain.contacts import EndReason
from domain.conversation import State
from domain.errors import ConversationEnded, MalformedRequest, NotFound
from domain.events import Close, End, Park, Release, Resume
from domain.refusals import Refusal, RefusalCode, refusal
from runtime.logs import CONTACT, INSTANCE
from store import conversations
from store.customers import CustomerSummary, customer_summaries
from store.monitors import Monitor, find_monitor
from store.records import StoredContact, StoredConversation, StoredParticipant
from wire.models import ContactId

router = APIRouter(
    prefix="/v1/agent/contacts",
    tags=["agent"],
    route_class=DescribedRoute,
    responses=error_responses(message="park: not possible for a live conversation in state ACTIVE."),
)

Action = Literal["end", "close", "park", "resume", "release"]

_COMMANDS: Mapping[str, type[End | Close | Park | Release]] = {
    "end": End,
    "close": Close,
    "park": Park,
    "release": Release,
}


@router.get("")
async def list_contacts(services: ServicesInRequest, agent: ByAgentToken) -> ContactsResponse:
    """Returns the agent's contacts that are not closed, oldest first."""
    found = await conversations.contacts_of_agent(services.db, agent.instance, agent.user)
    return ContactsResponse(contacts=await _responses(services, found))


@router.post("/{contact_id}/session")
async def join_chat(contact_id: ContactId, services: ServicesInRequest, agent: ByAgentToken) -> ChatDetailsResponse:
    """Returns the `chatDetails` with which ChatJS joins the chat: `ChatSession.create({type: "AGENT", chatDetails})`.

    A supervisor gets those of a contact that they monitor, too, unless it is their own by now.
    """
    monitor = await find_own_monitor(services, agent, contact_id)
    if monitor and not await _is_own(services, agent, contact_id):
        return _chat_details(services, agent, contact_id, monitor.conversation_id, monitor.participant_id)
    contact, conversation, me = await find_own_contact(services, agent, contact_id)
    if contact.ended_at is not None:
        raise ConversationEnded
    if me.left_at is not None:
        raise MalformedRequest("contact_id: you have left the chat; resume it first.")
    return _chat_details(services, agent, contact_id, conversation.id, me.id)


async def _is_own(services: Services, agent: SignedInAgent, contact_id: str) -> bool:
    found = await conversations.find_contact(services.db, agent.instance, contact_id)
    return found is not None and found[0].agent_user == agent.user


def _chat_details(
    services: Services, agent: SignedInAgent, contact_id: str, conversation_id: str, participant_id: str
) -> ChatDetailsResponse:
    token = participant_token(services, participant_id, conversation_id, agent.identity, agent.expires_at)
    return ChatDetailsResponse(
        contact_id=contact_id,
        initial_contact_id=conversation_id,
        participant_id=participant_id,
        participant_token=token,
    )


@router.post("/{contact_id}/transfer")
async def transfer_contact(
    contact_id: ContactId, services: ServicesInRequest, agent: ByAgentToken, body: JsonBody[TransferRequest]
) -> TransferResponse:
    """Transfers the contact, and returns the id of the contact as which the chat continues."""
    contact, conversation, me = await find_own_contact(services, agent, contact_id)
    new_id, target = str(uuid4()), TransferTarget(body.queue, body.user, OWN_MEMBERS)
    await transfer(services, agent.instance_settings, contact, conversation, target, new_id=new_id, by=me.id)
    return TransferResponse(contact_id=new_id)


@router.post("/{contact_id}/reconnect-link")
async def create_reconnect_link(
    contact_id: ContactId, services: ServicesInRequest, agent: ByAgentToken
) -> LinkResponse:
    """Creates a link for the customer to return to the chat; see the backends' route of this name."""
    contact, conversation, _ = await find_own_contact(services, agent, contact_id)
    if contact.ended_at is not None:
        raise MalformedRequest("contact_id: the contact has ended.")
    return reconnect_link(services, agent.instance_settings, conversation)


@router.post("/{contact_id}/{action}")
async def perform_action(
    contact_id: ContactId, action: Action, services: ServicesInRequest, agent: ByAgentToken
) -> EmptyResponse:
    """Ends the chat, closes its wrap-up, parks or resumes it, or releases it to its queue.

    A repeated action changes nothing, but to resume a chat that is not parked is refused.
    """
    contact, conversation, me = await find_own_contact(services, agent, contact_id)
    if is_done(action, contact, conversation):
        return EmptyResponse()
    if contact.ended_at is not None and action != "close":
        raise MalformedRequest("contact_id: the contact has ended.")
    if action == "resume":
        refused = await _resume(services, agent, conversation, by=me.id)
    else:
        refused = await try_command(services.engine, conversation.id, _COMMANDS[action](by=me.id))
    if refused and not await _is_done_now(services, agent, contact_id, action):
        raise refusal_error(refused, action)
    return EmptyResponse()


def is_done(action: str, contact: StoredContact, conversation: StoredConversation) -> bool:
    """Whether the record shows the effect of an action: a client whose first request timed out may repeat it."""
    match action:
        case "end":
            return conversation.interaction_ended
        case "close":
            return contact.wrapped_up_at is not None
        case "release":
            return contact.end_reason == EndReason.RELEASED
        case "park":
            return conversation.state == "WAITING" and contact.ended_at is None
        case _:
            return False


async def _is_done_now(services: Services, agent: SignedInAgent, contact_id: str, action: str) -> bool:
    contact, conversation, _ = await find_own_contact(services, agent, contact_id)
    return is_done(action, contact, conversation)


async def _resume(
    services: Services, agent: SignedInAgent, conversation: StoredConversation, by: str
) -> Refusal | None:
    """Resume a parked conversation, if the workstream and the agent's capacity allow it. Returns the refusal, or None."""
    claimed = await claim(services, agent, conversation)
    command = Resume(user=agent.user, name=agent.settings.name, by=by)
    if not isinstance(claimed, RefusalCode):
        return await confirm_claim(services, claimed, command.model_copy(update={"offer_id": claimed.id}))
    if claimed is RefusalCode.NO_CAPACITY or (claimed is RefusalCode.TAKEN and conversation.state == "OPEN"):
        return refusal(claimed)
    # the conversation is not parked, or routing does not know it: the conversation itself gives the reason
    return await services.engine.execute_command(conversation.id, command)


async def find_own_contact(
    services: Services, agent: SignedInAgent, contact_id: str
) -> tuple[StoredContact, StoredConversation, StoredParticipant]:
    """Find a contact of this agent, its conversation, and the agent as a participant of it.

    Raises:
        NotFound: the contact does not exist, or is another agent's.
    """
    found = await conversations.find_contact(services.db, agent.instance, contact_id)
    if found is None or found[0].agent_user != agent.user:
        raise NotFound(f"contact_id: you have no contact {contact_id!r}.")
    participant = await conversations.participant_of_user(services.db, found[1].id, agent.user)
    if participant is None:
        raise NotFound(f"contact_id: you are not a participant of {contact_id!r}.")
    INSTANCE.set(agent.instance)
    CONTACT.set(contact_id)
    return *found, participant


async def find_own_monitor(services: Services, agent: SignedInAgent, contact_id: str) -> Monitor | None:
    """Return what the agent, as a supervisor, monitors in a contact; None when they do not."""
    if not agent.settings.supervisor:
        return None
    found = await conversations.find_contact(services.db, agent.instance, contact_id)
    monitor = found and await find_monitor(services.db, found[1].id, agent.user)
    return monitor if monitor and monitor.contact_id == contact_id else None


async def current_contact(services: Services, agent: SignedInAgent, conversation_id: str) -> ContactResponse | None:
    """Return the running contact of a conversation, if it is the agent's; else None."""
    found = await conversations.contacts_of_agent(services.db, agent.instance, agent.user)
    running = [pair for pair in found if pair[0].ended_at is None and pair[1].id == conversation_id]
    return next(iter(await _responses(services, running[:1])), None)


async def _responses(
    services: Services, found: Sequence[tuple[StoredContact, StoredConversation]]
) -> list[ContactResponse]:
    customers = await customer_summaries(services.db, [conversation.id for _, conversation in found])
    return [_response(services, contact, conversation, customers[conversation.id]) for contact, conversation in found]


def _response(
    services: Services, contact: StoredContact, conversation: StoredConversation, customer: CustomerSummary
) -> ContactResponse:
    return ContactResponse(
        contact_id=contact.id,
        initial_contact_id=conversation.id,
        workstream=conversation.workstream,
        queue=contact.queue,
        mode=conversation.mode,
        state=conversation.state,
        customer=customer.name,
        started_at=conversation.started_at,
        ended_at=contact.ended_at,
        wrap_up_until=_wrap_up_until(services, contact, conversation),
        # later attributes are of a contact that is not the agent's: the answers of a survey about them, for example
        attributes=dict(customer.attributes if contact.attributes is None else contact.attributes),
        name=contact.name,
        description=contact.description,
        references=dict(contact.references or {}),
    )


def _wrap_up_until(services: Services, contact: StoredContact, conversation: StoredConversation) -> datetime | None:
    """Return when the wrap-up of a contact ends by itself, as its workstream is configured; None before it."""
    instance = services.configuration.instances.get(conversation.instance)
    workstream = instance.workstreams.get(conversation.workstream) if instance else None
    if instance is None or workstream is None or contact.ended_at is None or conversation.state != State.WRAP_UP:
        return None
    try:
        return contact.ended_at + workstream_policy(instance, workstream, None).wrap_up
    except OverflowError:  # a limit beyond the calendar never comes
        return None
