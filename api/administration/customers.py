"""Personal data: all that there is about a customer, to export or to delete. For backends, with their access key."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Depends, Path
from fastapi.responses import StreamingResponse
from pydantic import BeforeValidator

from api.administration.administrators import ByAdministrator
from api.audit import AuditedRoute
from api.dependencies import Services, ServicesInRequest
from api.openapi import ACCESS_KEY, ResponseBody, error_responses, example, json_content
from api.paths import decoded_slashes
from domain.customers import customer_hash
from domain.errors import NotFound
from domain.instants import iso
from runtime.streams import prepended
from store.conversations import find_contact
from store.personal_data import conversations_of_customer, exported_conversation
from wire.models import ContactId, Text

router = APIRouter(
    prefix="/v1/instances/{instance}",
    tags=["personal data"],
    route_class=AuditedRoute,
    dependencies=[Depends(ACCESS_KEY)],
    responses=error_responses(name="AccessDeniedException", message="This access key is not for instance 'demo'."),
)

CustomerInPath = Annotated[
    Text,
    MinLen(1),
    MaxLen(128),
    BeforeValidator(decoded_slashes),
    Path(alias="customer_id", description="`CustomerId` of the customer.", examples=["crm-7"]),
]


_EXPORT: dict[int | str, dict[str, Any]] = {
    200: json_content(
        {
            "type": "object",
            "example": {
                "instance": "demo",
                "customer_id": "crm-7",
                "exported_at": "2026-03-02T09:15:04.120Z",
                "conversations": [{"id": "0b8f5a36-6b3e-5a0e-9a35-6f3f2b1c7d10", "items": [{"content": "Hello."}]}],
            },
        }
    )
}


class DeletedResponse(ResponseBody):
    """How much was deleted. `runs` counts those of Temporal; null: it keeps them until the retention of its namespace."""

    model_config = example({"conversations": 2, "items": 57, "notes": 1, "files": 3, "runs": 2})

    conversations: int
    items: int
    notes: int
    files: int
    runs: int | None


@router.get("/customers/{customer_id}", response_class=StreamingResponse, responses=_EXPORT)
async def export_customer(
    customer_id: CustomerInPath, services: ServicesInRequest, admin: ByAdministrator
) -> StreamingResponse:
    """Returns all that the store has about a customer: conversations, contacts, participants, transcripts, receipts, notes."""
    ids = await conversations_of_customer(services.db, admin.instance, customer_id)
    admin.audited.is_noted = True
    admin.audited.target = _target(admin.instance, customer_id)
    admin.audited.counts["conversations"] = len(ids)
    content = _export(services, admin.instance, customer_id, ids)
    # read the first chunk now: until the response starts, a failure can still become an error response
    return StreamingResponse(prepended(await anext(content), content), media_type="application/json")


@router.delete("/customers/{customer_id}")
async def delete_customer(
    customer_id: CustomerInPath, services: ServicesInRequest, admin: ByAdministrator
) -> DeletedResponse:
    """Deletes all that there is about a customer. Running chats end first. Repeating it deletes what has come since.

    If a chat does not end within 20 seconds, the answer is 503, and the request can be repeated.
    """
    admin.audited.target = _target(admin.instance, customer_id)
    ids = await conversations_of_customer(services.db, admin.instance, customer_id)
    return await _delete(services, admin, ids)


@router.delete("/conversations/{contact_id}")
async def delete_conversation(
    contact_id: ContactId, services: ServicesInRequest, admin: ByAdministrator
) -> DeletedResponse:
    """Deletes the conversation of a contact, for customers without a `CustomerId`. A running chat ends first."""
    found = await find_contact(services.db, admin.instance, contact_id)
    if found is None:
        raise NotFound(f"contact_id: instance {admin.instance!r} has no contact {contact_id!r}.")
    return await _delete(services, admin, [found[1].id])


async def _delete(services: Services, admin: ByAdministrator, ids: Sequence[str]) -> DeletedResponse:
    deleted = await services.erasure.delete(admin.instance, ids, by=admin.actor)
    admin.audited.counts |= deleted.counts()
    return DeletedResponse(**deleted._asdict())


def _target(instance: str, customer_id: str) -> str:
    """The customer in the audit log, which has nothing personal."""
    return f"customers/{customer_hash(instance, customer_id)}"


async def _export(services: Services, instance: str, customer_id: str, ids: Sequence[str]) -> AsyncIterator[bytes]:
    """Yields the export in pieces, one conversation after the other, so that it is never in memory as a whole."""
    head = {"instance": instance, "customer_id": customer_id, "exported_at": iso(datetime.now(UTC))}
    yield (_json(head)[:-1] + ',"conversations":[\n').encode()
    separator = ""
    for id in ids:
        if record := await exported_conversation(services.db, id):
            yield (separator + _json(record)).encode()
            separator = ",\n"
    yield b"\n]}\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=iso)
