"""The audit log of an instance, for backends with their access key."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from annotated_types import Interval
from fastapi import APIRouter, Depends, Query

from api.administration.administrators import ByAdministrator
from api.agent.responses import Instant
from api.audit import AuditedRoute
from api.dependencies import ServicesInRequest
from api.openapi import ACCESS_KEY, ResponseBody, error_responses, example
from domain.errors import MalformedRequest
from domain.instants import EPOCH, epoch_milliseconds
from store.audit import AuditEntry, entries_before

router = APIRouter(
    prefix="/v1/instances/{instance}",
    tags=["audit log"],
    route_class=AuditedRoute,
    dependencies=[Depends(ACCESS_KEY)],
    responses=error_responses(message="before: is not the `next` of an answer."),
)

_ENTRY = {
    "at": "2026-03-02T09:15:04.120Z",
    "actor": "api:crm",
    "action": "delete_customer",
    "target": "customers/244aa53e6fb75ae6396508f0146e7ce9",
    "counts": {"conversations": 2, "items": 57},
}


class AuditEntryResponse(ResponseBody):
    """Who did what, when, and to what. `counts`: how many things it was about, by their names."""

    model_config = example(_ENTRY)

    at: Instant
    actor: str
    action: str
    target: str
    counts: dict[str, int]


class AuditResponse(ResponseBody):
    """Entries, the latest first. `next`: what `before` must be for the entries before these; null after the last ones."""

    model_config = example({"entries": [_ENTRY], "next": "1772442904120.0b8f5a36-6b3e-5a0e-9a35-6f3f2b1c7d10"})

    entries: list[AuditEntryResponse]
    next: str | None


@router.get("/audit")
async def get_audit(
    services: ServicesInRequest,
    admin: ByAdministrator,
    before: Annotated[str | None, Query(description="The `next` of an earlier answer.")] = None,
    limit: Annotated[int, Interval(ge=1, le=1_000), Query(description="Maximum number of entries.")] = 100,
) -> AuditResponse:
    """Returns the audit log: changes of the configuration, acts of supervisors and operators, sign-ins, deletions and exports."""
    position = None if before is None else _position(before)
    found = await entries_before(services.db, admin.instance, position, limit + 1)
    shown = found[:limit]
    return AuditResponse(
        entries=[
            AuditEntryResponse(
                at=entry.at, actor=entry.actor, action=entry.action, target=entry.target, counts=dict(entry.counts)
            )
            for entry in shown
        ],
        next=_cursor(shown[-1]) if len(found) > limit else None,
    )


def _cursor(entry: AuditEntry) -> str:
    return f"{epoch_milliseconds(entry.at)}.{entry.id}"


def _position(cursor: str) -> tuple[datetime, str]:
    milliseconds, _, id = cursor.partition(".")
    try:
        return EPOCH + timedelta(milliseconds=int(milliseconds)), id.replace("\x00", "")
    except (ValueError, OverflowError):
        raise MalformedRequest("before: is not the `next` of an answer.") from None
