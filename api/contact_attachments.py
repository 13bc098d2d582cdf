"""The files of any contact, for backends."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from api.connect.authentication import ByTranscriptsKey
from api.contact_lookup import contact_in_path
from api.contact_transcripts import InstanceName
from api.dependencies import ServicesInRequest
from api.file_responses import file_response
from api.openapi import ACCESS_KEY, DescribedRoute, error_responses
from domain.attachments import AttachmentStatus
from domain.errors import NotFound
from store import attachments, transcript
from wire.models import ContactId, Text

router = APIRouter(
    prefix="/v1",
    tags=["transcript"],
    route_class=DescribedRoute,
    dependencies=[Depends(ACCESS_KEY)],
    responses=error_responses(
        name="ResourceNotFoundException", message="attachment_id: contact '0b8f5a36' has no attachment '5a0e'."
    ),
)

AttachmentId = Annotated[Text, MinLen(1), MaxLen(256)]
Shown = Annotated[
    Literal["inline", "attachment"], Query(description="`inline`: a browser may show it; `attachment`: it stores it.")
]


@router.get("/contacts/{contact_id}/attachments/{attachment_id}", response_class=StreamingResponse)
async def get_contact_attachment(
    contact_id: ContactId,
    attachment_id: AttachmentId,
    request: Request,
    services: ServicesInRequest,
    caller: ByTranscriptsKey,
    instance: InstanceName,
    disposition: Shown = "attachment",
) -> Response:
    """Returns a file that a participant has sent, also after the end of the chat. For backends, with their access key."""
    name, _ = services.instance(instance, caller.instances, "instance")
    _, conversation = await contact_in_path(services, name, contact_id)
    found = await attachments.find_attachment(services.db, attachment_id)
    item = await transcript.find_item(services.db, conversation.id, attachment_id)
    is_there = item is not None and item.contact_id == contact_id and item.attachment is not None
    if found is None or item is None or not is_there:
        raise NotFound(f"attachment_id: contact {contact_id!r} has no attachment {attachment_id!r}.")
    if item.attachment and item.attachment.status is AttachmentStatus.REJECTED:
        raise NotFound(f"attachment_id: {found.name!r} was rejected, and is deleted.")
    return await file_response(request, services.attachments.files, found, disposition)
