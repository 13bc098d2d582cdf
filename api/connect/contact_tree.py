"""ListAssociatedContacts: a contact, its transfers and survey, and those of the chats that continue it or that it continues."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Interval
from fastapi import APIRouter, Query

from api.connect.authentication import ByChatsKey
from api.connect.contacts import find_contact
from api.connect.pages import DEFAULT_RESULTS, NextTokenInQuery, Pages
from api.dependencies import ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import InstanceIdInPath
from domain.instants import EPOCH, MILLISECOND, epoch_milliseconds, epoch_seconds
from store.associated_contacts import ContactPosition, associated_contacts
from store.records import StoredContact, StoredConversation
from wire.arns import contact_arn
from wire.models import ContactId, without_none

router = APIRouter(route_class=DescribedRoute)


@router.get("/contact/associated/{InstanceId}")
async def list_associated_contacts(
    instance_id: InstanceIdInPath,
    services: ServicesInRequest,
    caller: ByChatsKey,
    contact_id: Annotated[ContactId, Query(alias="contactId")],
    max_results: Annotated[Annotated[int, Interval(ge=1, le=100)] | None, Query(alias="maxResults")] = None,
    next_token: NextTokenInQuery = None,
) -> dict[str, Any]:
    """ListAssociatedContacts, in the order of their beginning."""
    instance, _ = services.instance(instance_id, caller.instances)
    contact, conversation = await find_contact(services, instance, contact_id)
    pages, size = Pages(services, f"contacts with {contact.id}"), max_results or DEFAULT_RESULTS
    position = pages.position(next_token)
    after = ContactPosition(EPOCH + position[0] * MILLISECOND, position[1]) if position else None
    found = await associated_contacts(services.db, conversation, size + 1, after)
    page, last = found[:size], found[:size][-1][0] if found else None
    following = pages.token([epoch_milliseconds(last.initiated_at), last.id]) if last and len(found) > size else None
    return without_none(ContactSummaryList=[_summary(*each) for each in page], NextToken=following)


def _summary(contact: StoredContact, conversation: StoredConversation) -> dict[str, Any]:
    return without_none(
        ContactId=contact.id,
        ContactArn=contact_arn(conversation.instance, contact.id),
        InitialContactId=conversation.id,
        PreviousContactId=contact.previous_contact_id,
        RelatedContactId=contact.related_contact_id,
        InitiationMethod=contact.initiation_method,
        InitiationTimestamp=epoch_seconds(contact.initiated_at),
        DisconnectTimestamp=epoch_seconds(contact.ended_at),
        Channel="CHAT",
    )
