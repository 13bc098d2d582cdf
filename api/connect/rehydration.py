"""Rehydration: a chat continues an ended one. Finds the source contact, and checks that the customer may continue it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.bodies import JsonBody
from api.connect.authentication import ByChatsKey
from api.connect.requests import CreatePersistentContactAssociation, PersistentChat
from api.contact_lookup import find_contact_after_writes
from api.customer_identity import CustomerOfChat, may_continue, recorded_customer
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import InitialContactIdInPath, InstanceIdInPath, resource_id
from domain.conversation import RehydratedPast
from domain.errors import InvalidValue, MalformedRequest, NotFound
from runtime.bus import Announcement
from store import conversations, past
from store.records import StoredContact, StoredConversation
from wire.frames import REHYDRATED, transient_event

router = APIRouter(route_class=DescribedRoute)


@router.post("/contact/persistent-contact-association/{InstanceId}/{InitialContactId}")
async def create_persistent_contact_association(
    instance_id: InstanceIdInPath,
    initial_contact_id: InitialContactIdInPath,
    services: ServicesInRequest,
    caller: ByChatsKey,
    body: JsonBody[CreatePersistentContactAssociation],
) -> dict[str, Any]:
    """CreatePersistentContactAssociation: a running chat continues a past one. Repeating a request has no effect."""
    instance, _ = services.instance(instance_id, caller.instances)
    initial = resource_id(initial_contact_id)
    found = await conversations.find_contact(services.db, instance, initial)
    if found is None or found[0].id != found[1].id:
        raise NotFound(f"InitialContactId: instance {instance!r} has no initial contact {initial!r}.")
    contact, conversation = found
    if conversation.ended_at is not None:
        raise MalformedRequest("InitialContactId: the chat has ended.")
    customer = recorded_customer(conversation)
    source, history = await resolve_source_contact(services, instance, body, customer, current=conversation.id)
    if conversation.continued_from == history.contact_id:
        return {"ContinuedFromContactId": history.contact_id}
    if not await past.link_to_past(services.db, conversation.id, history, source.attributes):
        raise MalformedRequest("InitialContactId: the chat continues, or is related to, a past contact already.")
    event = transient_event(REHYDRATED, conversation_id=conversation.id, contact_id=contact.id)
    await services.bus.announce(Announcement(conversation.id, event, record_changed=True))
    return {"ContinuedFromContactId": history.contact_id}


async def resolve_source_contact(
    services: Services,
    instance: str,
    wanted: PersistentChat,
    customer: CustomerOfChat,
    *,
    current: str | None = None,
    within: str = "",
) -> tuple[StoredConversation, RehydratedPast]:
    """Return the source conversation and the past that a chat continues.

    Args:
        wanted: the source contact, and whether to continue its whole past.
        customer: the customer of the new chat.
        current: id of the conversation that continues, if it exists already.
        within: what errors put before the names of `wanted`'s members, such as `PersistentChat.`; empty for members of the body.

    Raises:
        MalformedRequest: a member is missing, the source has not ended, or the chat would continue itself.
        InvalidValue: the whole past is wanted of a contact that is not the first of its conversation.
        NotFound: the contact does not exist, or is another customer's.
    """
    source_member = f"{within}SourceContactId"
    if wanted.source_contact_id is None:
        raise MalformedRequest(f"{source_member}: is needed.")
    if wanted.rehydration_type is None:
        raise MalformedRequest(f"{within}RehydrationType: is needed.")
    source_id = resource_id(wanted.source_contact_id)
    await find_contact_after_writes(services, instance, source_id)
    found = await past.find_rehydrated_past(services.db, instance, source_id)
    if found is None or not may_continue(services, found[1], customer):
        raise NotFound(f"{source_member}: there is no contact {source_id!r} that can be continued.")
    contact, conversation, history = found
    if conversation.id == current:
        raise MalformedRequest(f"{source_member}: a chat cannot continue itself.")
    if conversation.ended_at is None:
        raise MalformedRequest(f"{source_member}: the chat of contact {source_id!r} has not ended.")
    if wanted.rehydration_type == "FROM_SEGMENT":
        if contact.attributes is not None:
            return conversation.model_copy(update={"attributes": contact.attributes}), history
        return conversation, history
    return await _entire_past(services, instance, contact, conversation, source_member)


async def _entire_past(
    services: Services, instance: str, contact: StoredContact, conversation: StoredConversation, source_member: str
) -> tuple[StoredConversation, RehydratedPast]:
    if contact.id != conversation.id:
        raise InvalidValue(f"{source_member}: ENTIRE_PAST_SESSION needs the first contact of the past session.")
    last = await past.last_ended_contact(services.db, conversation.id)
    found = await past.find_rehydrated_past(services.db, instance, last or contact.id)
    assert found is not None
    return await without_survey_answers(services, conversation), found[2]


async def without_survey_answers(services: Services, conversation: StoredConversation) -> StoredConversation:
    """The conversation with its attributes from before its survey: the answers are not for the agents of the next chat."""
    attributes = await conversations.attributes_before_survey(services.db, conversation.id)
    return conversation if attributes is None else conversation.model_copy(update={"attributes": attributes})
