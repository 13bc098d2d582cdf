"""StartAttachmentUpload, CompleteAttachmentUpload and GetAttachment. The bytes themselves take the URLs of `files`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID, uuid5

from annotated_types import Interval, MaxLen, MinLen
from fastapi import APIRouter, Request
from pydantic import AfterValidator

from api.bodies import JsonBody
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute
from api.participant.authentication import ByConnectionToken
from api.participant.files import file_url
from api.participant.transcript import last_readable
from api.tokens import TokenKind
from configuration.schema.workstreams import NO_FILES, AttachmentSettings, WorkstreamSettings
from domain.attachments import KINDS, MAX_ATTACHMENTS, AttachmentStatus, checked_file_name, essence_of, extension_of
from domain.errors import AccessDenied, InvalidValue, MalformedRequest, QuotaExceeded, TokenReused
from domain.instants import iso
from domain.participants import Role
from domain.transcript import TranscriptItem
from engine.attachments import RESERVED
from realtime.sessions import Session
from store import attachments, conversations, transcript
from store.attachments import StoredAttachment
from store.past import PastPosition, last_visible
from wire.attachment_files import upload_headers
from wire.models import OrDefault, Text, WireModel

router = APIRouter(route_class=DescribedRoute)

UPLOAD_LIFE = timedelta(minutes=15)
"""How long an upload URL is valid."""

DOWNLOAD_SECONDS = 300
"""How long the URL of a file is valid by default, and at most."""

NAMESPACE = UUID("3f1d7a52-9c55-4f0b-8a0e-52f6a1c7d4e9")

Token = Annotated[Text, MinLen(1), MaxLen(500)]
AttachmentId = Annotated[Text, MinLen(1), MaxLen(256)]


class StartAttachmentUpload(WireModel):
    """POST /participant/start-attachment-upload. Browsers send an empty `ContentType` for files that they do not know."""

    attachment_name: Annotated[Text, MinLen(1), MaxLen(256), AfterValidator(checked_file_name)]
    attachment_size_in_bytes: Annotated[int, Interval(ge=1)]
    content_type: Annotated[Text, MaxLen(255)]
    client_token: Token


class CompleteAttachmentUpload(WireModel):
    """POST /participant/complete-attachment-upload."""

    attachment_ids: Annotated[list[AttachmentId], MinLen(1), MaxLen(1)]
    client_token: Token


class GetAttachment(WireModel):
    """POST /participant/attachment."""

    attachment_id: AttachmentId
    url_expiry_in_seconds: Annotated[int, Interval(ge=5, le=300)] | None = None
    url_content_disposition: OrDefault[Literal["INLINE", "ATTACHMENT"]] = "ATTACHMENT"


@router.post("/participant/start-attachment-upload")
async def start_attachment_upload(
    request: Request, services: ServicesInRequest, session: ByConnectionToken, body: JsonBody[StartAttachmentUpload]
) -> dict[str, Any]:
    """StartAttachmentUpload. A repeat under the same ClientToken has the same id, and another URL."""
    session.require_may_send()
    workstream = _workstream(services, session)
    rules = workstream.attachments if workstream else NO_FILES
    if not (rules.extensions and services.engine.archives):
        raise MalformedRequest("This chat takes no attachments.")
    _require_allowed(body, rules)
    now = datetime.now(UTC)
    new = StoredAttachment(
        id=str(uuid5(NAMESPACE, f"{session.participant.id}/{body.client_token}")),
        conversation_id=session.conversation.id,
        instance=session.conversation.instance,
        contact_id=session.contact_id,
        participant_id=session.participant.id,
        name=body.attachment_name,
        content_type=essence_of(body.content_type),
        size=body.attachment_size_in_bytes,
        started_at=now,
    )
    found = await attachments.reserve(services.db, new, MAX_ATTACHMENTS, now - RESERVED)
    if found is None:
        raise QuotaExceeded(f"This chat has {MAX_ATTACHMENTS} attachments, and can have no more.")
    if (found.name, found.size, found.content_type) != (new.name, new.size, new.content_type):
        raise TokenReused
    url = await services.attachments.signed_url(found, UPLOAD_LIFE)
    if url is None:
        url = file_url(request, services, TokenKind.UPLOAD, found.id, session.participant.id, UPLOAD_LIFE)
    expiry = (now + UPLOAD_LIFE).strftime("%Y-%m-%dT%H:%M:%SZ")
    upload = {"Url": url, "UrlExpiry": expiry, "HeadersToInclude": upload_headers(found)}
    return {"AttachmentId": found.id, "UploadMetadata": upload}


@router.post("/participant/complete-attachment-upload")
async def complete_attachment_upload(
    services: ServicesInRequest, session: ByConnectionToken, body: JsonBody[CompleteAttachmentUpload]
) -> dict[str, Any]:
    """CompleteAttachmentUpload. After a 200 response the transcript will contain the item exactly once, even if processes die.

    With a scanner the item comes with its verdict. The response waits for it 10 seconds at most.
    """
    session.require_may_send()
    [id] = body.attachment_ids
    found = await attachments.find_attachment(services.db, id)
    if found is None or found.participant_id != session.participant.id:
        raise _unknown("AttachmentIds", id)
    if found.accepted_at is not None and await services.attachments.is_in_transcript(found):
        return {}
    await services.attachments.accept(found)
    if services.attachments.are_checked:
        await services.attachments.send(found, session.participant)
        return {}
    async with services.accepted_messages.admitted(session.conversation.id, id):
        await services.attachments.send(found, session.participant)
    return {}


@router.post("/participant/attachment")
async def get_attachment(
    request: Request, services: ServicesInRequest, session: ByConnectionToken, body: JsonBody[GetAttachment]
) -> dict[str, Any]:
    """GetAttachment. For those who may read its item, also of an ended chat, until the connection token expires."""
    workstream = _workstream(services, session)
    if session.participant.role is Role.CUSTOM_BOT and not (workstream and workstream.bots_read_attachments):
        raise AccessDenied("Bots get no attachments in this chat.")
    found = await _readable(services, session, body.attachment_id)
    life, show = timedelta(seconds=body.url_expiry_in_seconds or DOWNLOAD_SECONDS), body.url_content_disposition.lower()
    url = file_url(request, services, TokenKind.DOWNLOAD, found.id, session.participant.id, life, show=show)
    return {"Url": url, "UrlExpiry": iso(datetime.now(UTC) + life), "AttachmentSizeInBytes": found.size}


def _workstream(services: Services, session: Session) -> WorkstreamSettings | None:
    instance = services.configuration.instances.get(session.conversation.instance)
    return instance.workstreams.get(session.conversation.workstream) if instance else None


def _require_allowed(body: StartAttachmentUpload, rules: AttachmentSettings) -> None:
    extension = extension_of(body.attachment_name)
    if extension not in rules.extensions:
        raise InvalidValue(f"AttachmentName: this chat takes {', '.join(sorted(rules.extensions))} files only.")
    if essence_of(body.content_type) not in KINDS[extension].content_types:
        allowed = " or ".join(KINDS[extension].content_types)
        raise InvalidValue(f"ContentType: must be {allowed} for a {extension} file.")
    if body.attachment_size_in_bytes > rules.max_bytes:
        raise InvalidValue(f"AttachmentSizeInBytes: a file can have at most {rules.max_bytes} bytes in this chat.")


async def _readable(services: Services, session: Session, id: str) -> StoredAttachment:
    """Return an attachment that the participant may read.

    Raises:
        InvalidValue: it is not one of this chat or its past, is still being checked, or was rejected.
    """
    found = await attachments.find_attachment(services.db, id)
    if found is None:
        raise _unknown("AttachmentId", id)
    is_own = found.conversation_id == session.conversation.id
    until = await (last_readable(services, session) if is_own else _last_of_past(services, session, found))
    if is_own:
        await services.accepted_messages.wait_until_recorded(session.conversation.id)
    item = await transcript.find_item(services.db, found.conversation_id, id)
    if item is None and is_own and found.accepted_at is not None:
        raise InvalidValue(f"AttachmentId: {found.name!r} is still being checked.")
    if item is None or item.seq > until or await _is_hidden_survey(services, session, item):
        raise _unknown("AttachmentId", id)
    if item.attachment is None or item.attachment.status is not AttachmentStatus.APPROVED:
        raise InvalidValue(f"AttachmentId: {found.name!r} was rejected.")
    return found


async def _last_of_past(services: Services, session: Session, found: StoredAttachment) -> int:
    """Return the number of the last visible item of an attachment's conversation; 0 when it is not in the past of this chat."""
    own, chain = session.conversation, session.conversation.association_id
    if own.past_id is None or own.past_seq is None:
        return 0
    other = await conversations.find_conversation(services.db, found.conversation_id)
    if other is None or (other.association_id or other.id) != chain:
        return 0
    return await last_visible(services.db, PastPosition(own.past_id, own.past_seq), other.id) or 0


async def _is_hidden_survey(services: Services, session: Session, item: TranscriptItem) -> bool:
    is_at_work = session.participant.role in (Role.AGENT, Role.SUPERVISOR)
    return is_at_work and bool(await conversations.survey_contacts(services.db, {item.contact_id}))


def _unknown(member: str, id: str) -> InvalidValue:
    return InvalidValue(f"{member}: there is no attachment {id!r} in this chat.")
