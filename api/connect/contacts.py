"""Operations on a contact: describe it, read and change its attributes, assign it to an agent."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.bodies import JsonBody
from api.connect.authentication import ByChatsKey
from api.connect.recordings import recordings_of
from api.connect.requests import MAX_ATTRIBUTE_BYTES, AssociateContactWithUser, UpdateContactAttributes
from api.contact_lookup import find_contact_after_writes
from api.dependencies import ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import ContactIdInPath, InitialContactIdInPath, InstanceIdInPath, resource_id
from api.refusals import execute_or_raise
from domain.errors import InvalidValue, NotFound
from domain.events import Assign
from domain.instants import epoch_seconds
from runtime.bus import Announcement
from store.attributes import merge_attributes
from store.records import StoredContact, StoredConversation
from wire.arns import contact_arn
from wire.disconnect_reasons import disconnect_reason
from wire.models import without_none

router = APIRouter(route_class=DescribedRoute)


@router.get("/contacts/{InstanceId}/{ContactId}")
async def describe_contact(
    instance_id: InstanceIdInPath, contact_id: ContactIdInPath, services: ServicesInRequest, caller: ByChatsKey
) -> dict[str, Any]:
    """DescribeContact."""
    instance, _ = services.instance(instance_id, caller.instances)
    contact, conversation = await find_contact(services, instance, contact_id)
    recordings = recordings_of(instance, contact, services.settings.archive_address)
    return {"Contact": _describe(contact, conversation) | without_none(Recordings=recordings)}


@router.get("/contact/attributes/{InstanceId}/{InitialContactId}")
async def get_contact_attributes(
    instance_id: InstanceIdInPath,
    initial_contact_id: InitialContactIdInPath,
    services: ServicesInRequest,
    caller: ByChatsKey,
) -> dict[str, Any]:
    """GetContactAttributes."""
    instance, _ = services.instance(instance_id, caller.instances)
    _, conversation = await find_contact(services, instance, initial_contact_id, "InitialContactId")
    return {"Attributes": conversation.attributes}


@router.post("/contact/attributes")
async def update_contact_attributes(
    services: ServicesInRequest, caller: ByChatsKey, body: JsonBody[UpdateContactAttributes]
) -> dict[str, Any]:
    """UpdateContactAttributes, also of an ended contact."""
    instance, _ = services.instance(body.instance_id, caller.instances)
    written = await merge_attributes(
        services.db, instance, body.initial_contact_id, body.attributes, limit=MAX_ATTRIBUTE_BYTES
    )
    if written is None:
        raise NotFound(f"InitialContactId: instance {instance!r} has no initial contact {body.initial_contact_id!r}.")
    if not written:
        raise InvalidValue(
            f"Attributes: together with the existing ones, they exceed {MAX_ATTRIBUTE_BYTES} UTF-8 bytes."
        )
    await services.bus.announce(Announcement(body.initial_contact_id, record_changed=True))
    return {}


@router.post("/contacts/{InstanceId}/{ContactId}/associate-user")
async def associate_contact_with_user(
    instance_id: InstanceIdInPath,
    contact_id: ContactIdInPath,
    services: ServicesInRequest,
    caller: ByChatsKey,
    body: JsonBody[AssociateContactWithUser],
) -> dict[str, Any]:
    """AssociateContactWithUser: assigns a waiting chat to an agent."""
    instance, settings = services.instance(instance_id, caller.instances)
    _, conversation = await find_contact(services, instance, contact_id)
    user = resource_id(body.user_id)
    agent = settings.agents.get(user)
    if agent is None:
        raise NotFound(f"UserId: instance {instance!r} has no agent {user!r}.")
    command = Assign(user=user, name=agent.name, by=caller.actor)
    await execute_or_raise(services.engine, conversation.id, command, "ContactId")
    return {}


async def find_contact(
    services: ServicesInRequest, instance: str, contact_id: str, member: str = "ContactId"
) -> tuple[StoredContact, StoredConversation]:
    """Find a contact, given by id or ARN, and its conversation, once its accepted messages are recorded.

    Raises:
        NotFound: the instance has no such contact.
    """
    found = await find_contact_after_writes(services, instance, resource_id(contact_id))
    if found is None:
        raise NotFound(f"{member}: instance {instance!r} has no contact {contact_id!r}.")
    return found


def _describe(contact: StoredContact, conversation: StoredConversation) -> dict[str, Any]:
    wrap_up_from = contact.ended_at if contact.agent_user else None
    return without_none(
        Arn=contact_arn(conversation.instance, contact.id),
        Id=contact.id,
        InitialContactId=conversation.id,
        PreviousContactId=contact.previous_contact_id,
        ContactAssociationId=conversation.association_id or conversation.id,
        RelatedContactId=contact.related_contact_id,
        InitiationMethod=contact.initiation_method,
        Name=contact.name,
        Description=contact.description,
        Channel="CHAT",
        QueueInfo=without_none(Id=contact.queue, EnqueueTimestamp=epoch_seconds(contact.enqueued_at)),
        AgentInfo=without_none(
            Id=contact.agent_user,
            AcceptedByAgentTimestamp=epoch_seconds(contact.agent_connected_at),
            ConnectedToAgentTimestamp=epoch_seconds(contact.agent_connected_at),
            AfterContactWorkStartTimestamp=epoch_seconds(wrap_up_from),
            AfterContactWorkEndTimestamp=epoch_seconds(contact.wrapped_up_at) if wrap_up_from else None,
        )
        if contact.agent_user
        else None,
        InitiationTimestamp=epoch_seconds(contact.initiated_at),
        ConnectedToSystemTimestamp=epoch_seconds(contact.initiated_at),
        DisconnectTimestamp=epoch_seconds(contact.ended_at),
        LastUpdateTimestamp=epoch_seconds(conversation.updated_at),
        DisconnectReason=disconnect_reason(contact.end_reason),
        CustomerId=conversation.customer_id,
        SegmentAttributes=conversation.segment_attributes or None,
        Attributes=conversation.attributes or None,
        Tags=contact.tags or None,
    )
