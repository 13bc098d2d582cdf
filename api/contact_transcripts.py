"""Transcript of any contact, for backends."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from api.connect.authentication import ByTranscriptsKey
from api.contact_lookup import contact_in_path
from api.dependencies import ServicesInRequest
from api.openapi import ACCESS_KEY, DescribedRoute, error_responses
from runtime.streams import prepended
from store.conversations import participants_of_contact
from store.transcript import pages_of_contact
from wire.models import ContactId, Text
from wire.transcript_files import TranscriptSubject, transcript_json, transcript_text

router = APIRouter(
    prefix="/v1",
    tags=["transcript"],
    route_class=DescribedRoute,
    dependencies=[Depends(ACCESS_KEY)],
    responses=error_responses(
        name="ResourceNotFoundException", message="contact_id: instance 'demo' has no contact '0b8f5a36'."
    ),
)

InstanceName = Annotated[Text, MinLen(1), MaxLen(100), Query(description="Id of the instance.", examples=["demo"])]
Format = Annotated[
    Literal["json", "text"], Query(description="`json`: as Amazon Connect stores it in S3; `text`: for people.")
]

_RENDERERS = {
    "json": (transcript_json, "application/json"),
    "text": (transcript_text, "text/plain; charset=utf-8"),
}


@router.get("/contacts/{contact_id}/transcript", response_class=StreamingResponse)
async def get_contact_transcript(
    contact_id: ContactId,
    services: ServicesInRequest,
    caller: ByTranscriptsKey,
    instance: InstanceName,
    format: Format = "json",
) -> StreamingResponse:
    """Returns the transcript of a contact up to now, also of a running chat. For backends, with their access key."""
    name, _ = services.instance(instance, caller.instances, "instance")
    contact, conversation = await contact_in_path(services, name, contact_id)
    subject = TranscriptSubject(contact, conversation, await participants_of_contact(services.db, contact))
    render, media_type = _RENDERERS[format]
    content = render(subject, pages_of_contact(services.db, contact))
    # read the first chunk now: until the response starts, a failure can still become an error response
    return StreamingResponse(prepended(await anext(content), content), media_type=media_type)
