"""The transcript of any contact for the backend, whether the chat goes on or has ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from api.connect.caller import Authenticated
from api.described import ACCESS_KEY, refused
from api.services import Parts
from api.settled import recent_contact
from api.wire import ContactId, Text
from domain.errors import NotFound
from store.conversations import participants_of_contact
from store.documents import Subject, transcript_json, transcript_text
from store.transcript import pages_of_contact

router = APIRouter(
    prefix="/v1",
    tags=["transcript"],
    dependencies=[Depends(ACCESS_KEY)],
    responses=refused(
        what="ResourceNotFoundException", because="contact_id: instance 'demo' has no contact '0b8f5a36'."
    ),
)

InstanceName = Annotated[Text, MinLen(1), MaxLen(100), Query(description="Id of the instance.", examples=["demo"])]
Format = Annotated[
    Literal["json", "text"], Query(description="JSON as Amazon Connect keeps in S3, or text for people.")
]

_RENDERINGS = {
    "json": (transcript_json, "application/json"),
    "text": (transcript_text, "text/plain; charset=utf-8"),
}


@router.get("/contacts/{contact_id}/transcript", response_class=StreamingResponse)
async def contact_transcript(
    contact_id: ContactId, parts: Parts, caller: Authenticated, instance: InstanceName, format: Format = "json"
) -> StreamingResponse:
    """All that was said in a contact until now. For backends, with their access key."""
    name, _ = parts.instance(instance, caller.instances)
    found = await recent_contact(parts, name, contact_id)
    if found is None:
        raise NotFound(f"contact_id: instance {name!r} has no contact {contact_id!r}.")
    contact, conversation = found
    subject = Subject(contact, conversation, await participants_of_contact(parts.db, contact))
    render, media_type = _RENDERINGS[format]
    content = render(subject, pages_of_contact(parts.db, contact))
    # what fails before the first piece is there can still be answered as an error
    return StreamingResponse(_chained(await anext(content), content), media_type=media_type)


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
