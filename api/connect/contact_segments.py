"""ListRealtimeContactAnalysisSegmentsV2: the transcript of a contact, also of a running one. Nothing is analysed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Interval, MaxLen, MinLen
from fastapi import APIRouter

from api.bodies import JsonBody
from api.connect.authentication import ByTranscriptsKey
from api.connect.contacts import find_contact
from api.connect.pages import Pages
from api.dependencies import ServicesInRequest
from api.openapi import DescribedRoute
from api.participant.transcript import fitting
from api.paths import ContactIdInPath, InstanceIdInPath
from domain.errors import MalformedRequest
from domain.instants import iso
from domain.transcript import ItemType, TranscriptItem
from store.transcript import PageStart, page
from wire.models import OnlyServedMembers, Remark, Text, without_none

router = APIRouter(route_class=DescribedRoute)

DEFAULT_SEGMENTS = 100

SegmentType = Literal[
    "Transcript",
    "Categories",
    "Issues",
    "Event",
    "Attachments",
    "PostContactSummary",
    "ExtractedInformation",
]
_TYPES = {ItemType.MESSAGE: "Transcript", ItemType.EVENT: "Event", ItemType.ATTACHMENT: "Attachments"}
"""The type of segment of each type of item. There are no segments of other types."""


class ListRealtimeContactAnalysisSegments(OnlyServedMembers):
    """POST /contact/list-real-time-analysis-segments-v2/{InstanceId}/{ContactId}."""

    max_results: Annotated[int, Interval(ge=1, le=100)] | None = None
    next_token: Annotated[Text, MinLen(1), MaxLen(100_000)] | None = None
    output_type: Annotated[Literal["Raw", "Redacted"], Remark("Raw only")]
    segment_types: Annotated[
        list[SegmentType], MaxLen(7), Remark("Transcript, Event and Attachments; there are none of other types")
    ]


@router.post("/contact/list-real-time-analysis-segments-v2/{InstanceId}/{ContactId}")
async def list_realtime_contact_analysis_segments(
    instance_id: InstanceIdInPath,
    contact_id: ContactIdInPath,
    services: ServicesInRequest,
    caller: ByTranscriptsKey,
    body: JsonBody[ListRealtimeContactAnalysisSegments],
) -> dict[str, Any]:
    """ListRealtimeContactAnalysisSegmentsV2, oldest first. A page may have fewer segments than wanted, and a token."""
    instance, _ = services.instance(instance_id, caller.instances)
    if body.output_type != "Raw":
        raise MalformedRequest("OutputType: nothing is redacted here; only Raw is served.")
    contact, _ = await find_contact(services, instance, contact_id)
    pages, size = (
        Pages(services, f"segments of {contact.id}", sorted(body.segment_types)),
        body.max_results or DEFAULT_SEGMENTS,
    )
    start = PageStart((pages.position(body.next_token) or 0) + 1, forward=True)
    found = await page(services.db, contact.conversation_id, start, size + 1, contact.id)
    items = found[: fitting(found[:size])]
    return without_none(
        Channel="CHAT",
        Status="IN_PROGRESS" if contact.ended_at is None else "COMPLETED",
        Segments=[_segment(item) for item in items if _TYPES[item.type] in body.segment_types],
        NextToken=pages.token(items[-1].seq) if len(found) > len(items) else None,
    )


def _segment(item: TranscriptItem) -> dict[str, Any]:
    shared = without_none(
        Id=item.id,
        ParticipantId=item.participant_id,
        ParticipantRole=item.role,
        DisplayName=item.name,
        Time={"AbsoluteTime": iso(item.at)},
    )
    if item.type == ItemType.EVENT:
        return {"Event": {**shared, "EventType": item.content_type}}
    if item.attachment:
        file = {
            "AttachmentId": item.attachment.id,
            "AttachmentName": item.attachment.name,
            "ContentType": item.attachment.content_type,
            "Status": item.attachment.status,
        }
        return {"Attachments": {**shared, "Attachments": [file]}}
    # the model wants a participant for each message, and the system is none
    sender = item.participant_id or item.role
    return {
        "Transcript": {**shared, "ParticipantId": sender, "Content": item.content, "ContentType": item.content_type}
    }
