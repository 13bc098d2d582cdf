"""UpdateContact, TagContact, UntagContact and ListContactReferences: what backends note about a contact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.bodies import JsonBody
from api.connect.attachment_references import attachment_references
from api.connect.authentication import ByChatsKey
from api.connect.contacts import find_contact
from api.connect.pages import NextTokenInQuery, Pages
from api.dependencies import ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import ContactIdInPath, InstanceIdInPath
from domain.errors import InvalidValue
from store.contact_details import ContactDetails, change_details
from store.records import ContactReference
from wire.models import ContactId, InstanceId, OnlyServedMembers, OrDefault, Remark, Text, WireModel, without_none

router = APIRouter(route_class=DescribedRoute)

MAX_REFERENCE_BYTES = 32_768
"""Size of a contact's references: all keys and values together, in UTF-8 bytes."""

MAX_TAGS = 6
"""The most tags of a contact, as on AWS."""


def _not_reserved(key: str) -> str:
    if key.startswith("aws:"):
        raise ValueError("must not begin with aws:")
    return key


TagKey = Annotated[
    str, StringConstraints(min_length=1, max_length=128, pattern=r"^[a-zA-Z+-=._:/]+$"), AfterValidator(_not_reserved)
]
ReferenceKey = Annotated[Text, MinLen(1), MaxLen(4096)]
StoredReferenceType = Literal["URL", "NUMBER", "STRING", "DATE", "EMAIL"]
ReferenceType = Literal[
    StoredReferenceType,
    "ATTACHMENT",
    "CONTACT_ANALYSIS",
    "EMAIL_MESSAGE",
    "EMAIL_MESSAGE_PLAIN_TEXT",
    "EMAIL_MESSAGE_PLAIN_TEXT_REDACTED",
    "EMAIL_MESSAGE_REDACTED",
]

_MEMBERS: Mapping[str, str] = {"URL": "Url", "NUMBER": "Number", "STRING": "String", "DATE": "Date", "EMAIL": "Email"}
"""The member of an answer that holds a reference, by the type of the reference."""


class Reference(OnlyServedMembers):
    """A reference of a contact."""

    type: Annotated[StoredReferenceType, Remark("URL, NUMBER, STRING, DATE, EMAIL")]
    value: OrDefault[Annotated[Text, MaxLen(4096)]] = ""


class UpdateContact(OnlyServedMembers):
    """POST /contacts/{InstanceId}/{ContactId}. A reference replaces one with the same key."""

    name: Annotated[Text, MaxLen(1024)] | None = None
    description: Annotated[Text, MaxLen(4096)] | None = None
    references: OrDefault[dict[ReferenceKey, Reference]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_something(self) -> Self:
        if self.name is None and self.description is None and not self.references:
            raise PydanticCustomError("incomplete", "must have at least one of Name, Description, References")
        return self


class TagContact(WireModel):
    """POST /contact/tags."""

    instance_id: InstanceId
    contact_id: ContactId
    tags: Annotated[dict[TagKey, Annotated[Text, MaxLen(256)]], MinLen(1), MaxLen(MAX_TAGS)]


@router.post("/contacts/{InstanceId}/{ContactId}")
async def update_contact(
    instance_id: InstanceIdInPath,
    contact_id: ContactIdInPath,
    services: ServicesInRequest,
    caller: ByChatsKey,
    body: JsonBody[UpdateContact],
) -> dict[str, Any]:
    """UpdateContact: its name, its description and its references, also of an ended contact."""
    instance, _ = services.instance(instance_id, caller.instances)
    contact, _ = await find_contact(services, instance, contact_id)
    added = {key: ContactReference(type=one.type, value=one.value) for key, one in body.references.items()}

    def changed(details: ContactDetails) -> ContactDetails:
        references = {**details.references, **added}
        if sum(len(key.encode()) + len(one.value.encode()) for key, one in references.items()) > MAX_REFERENCE_BYTES:
            raise InvalidValue(f"References: all of a contact must be at most {MAX_REFERENCE_BYTES} UTF-8 bytes.")
        name = details.name if body.name is None else body.name
        description = details.description if body.description is None else body.description
        return replace(details, name=name, description=description, references=references)

    await change_details(services.db, contact, changed)
    return {}


@router.post("/contact/tags")
async def tag_contact(services: ServicesInRequest, caller: ByChatsKey, body: JsonBody[TagContact]) -> dict[str, Any]:
    """TagContact. A tag replaces one with the same key."""
    instance, _ = services.instance(body.instance_id, caller.instances)
    contact, _ = await find_contact(services, instance, body.contact_id)

    def changed(details: ContactDetails) -> ContactDetails:
        tags = {**details.tags, **body.tags}
        if len(tags) > MAX_TAGS:
            raise InvalidValue(f"Tags: a contact has at most {MAX_TAGS} tags.")
        return replace(details, tags=tags)

    await change_details(services.db, contact, changed)
    return {}


@router.delete("/contact/tags/{InstanceId}/{ContactId}")
async def untag_contact(
    instance_id: InstanceIdInPath,
    contact_id: ContactIdInPath,
    services: ServicesInRequest,
    caller: ByChatsKey,
    tag_keys: Annotated[list[TagKey], MinLen(1), MaxLen(MAX_TAGS), Query(alias="TagKeys")],
) -> dict[str, Any]:
    """UntagContact. Tags that the contact does not have are ignored."""
    instance, _ = services.instance(instance_id, caller.instances)
    contact, _ = await find_contact(services, instance, contact_id)

    def changed(details: ContactDetails) -> ContactDetails:
        return replace(details, tags={key: value for key, value in details.tags.items() if key not in tag_keys})

    await change_details(services.db, contact, changed)
    return {}


@router.get("/contact/references/{InstanceId}/{ContactId}")
async def list_contact_references(
    instance_id: InstanceIdInPath,
    contact_id: ContactIdInPath,
    services: ServicesInRequest,
    caller: ByChatsKey,
    request: Request,
    types: Annotated[list[ReferenceType], MaxLen(6), Query(alias="referenceTypes")],
    next_token: NextTokenInQuery = None,
) -> dict[str, Any]:
    """ListContactReferences: those of the given types, by key, and the files of the contact, by name."""
    instance, _ = services.instance(instance_id, caller.instances)
    contact, _ = await find_contact(services, instance, contact_id)
    noted = {key: one for key, one in (contact.references or {}).items() if one.type in types}
    found = {key: {_MEMBERS[one.type]: {"Name": key, "Value": one.value}} for key, one in noted.items()}
    if "ATTACHMENT" in types:
        files = await attachment_references(services, request, contact)
        found |= {key: {"Attachment": file} for key, file in files.items()}
    pages = Pages(services, f"references of {contact.id}", sorted(types))
    page, following = pages.of_names(found, next_token, None)
    return without_none(ReferenceSummaryList=[found[key] for key in page], NextToken=following)
