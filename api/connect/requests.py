"""Request bodies of the `connect` operations, with the limits of the botocore model that the server must enforce (1.44.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from annotated_types import Interval, MaxLen, MinLen
from pydantic import AfterValidator, Field, PrivateAttr, StringConstraints, model_validator
from pydantic_core import to_json

from domain.transcript import ContentType, checked_content
from store.attributes import attribute_bytes
from wire.models import (
    NO_EFFECT,
    ClientToken,
    ContactId,
    FlowId,
    InstanceId,
    OrDefault,
    QueueId,
    Remark,
    Text,
    UserId,
    WireModel,
)

MAX_ATTRIBUTE_BYTES = 32_768
"""Size of a contact's attributes: all keys and values together, in UTF-8 bytes (StartChatContact)."""


CUSTOMER_TOKEN = "perennial_customer_token"  # noqa: S105 - the name of an attribute
"""The attribute of StartChatContact with a signed token that says who the customer is. It is never stored."""


def _within_limit(attributes: dict[str, str]) -> dict[str, str]:
    if attribute_bytes(attributes) > MAX_ATTRIBUTE_BYTES:
        raise ValueError(f"keys and values must be at most {MAX_ATTRIBUTE_BYTES} UTF-8 bytes together")
    return attributes


def _without_customer_token(attributes: dict[str, str]) -> dict[str, str]:
    if CUSTOMER_TOKEN in attributes:
        raise ValueError(f"{CUSTOMER_TOKEN} is for StartChatContact alone")
    return attributes


AttributeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32767}$")]
Attributes = Annotated[dict[AttributeName, Text], AfterValidator(_within_limit)]
SegmentAttributeName = Annotated[Text, MinLen(1), MaxLen(128)]


class ParticipantDetails(WireModel):
    """The name of the customer, which all participants see."""

    display_name: Annotated[Text, MinLen(1), MaxLen(256)]


class InitialMessage(WireModel):
    """The customer's first message; at most 16,384 UTF-8 bytes."""

    content_type: ContentType
    content: Annotated[Text, MinLen(1), AfterValidator(checked_content)]


class PersistentChat(WireModel):
    """The ended contact that a new chat continues."""

    rehydration_type: Literal["ENTIRE_PAST_SESSION", "FROM_SEGMENT"] | None = None
    source_contact_id: ContactId | None = None


class CreatePersistentContactAssociation(PersistentChat):
    """POST /contact/persistent-contact-association/{InstanceId}/{InitialContactId}."""

    client_token: ClientToken | None = None


class ParticipantConfiguration(WireModel):
    """How messages of bots arrive: always COMPLETE. INCREMENTAL is refused (400)."""

    response_mode: Annotated[Literal["INCREMENTAL", "COMPLETE"] | None, Remark("COMPLETE only")] = None


MAX_SEGMENT_DEPTH = 50
"""How deep segment attributes may be nested. The worker reads them inside other values, and its reader has a limit of depth."""


class SegmentAttribute(WireModel):
    """Value of a system-defined attribute: exactly one member."""

    value_string: Annotated[Text, MaxLen(1024)] | None = None
    value_map: dict[SegmentAttributeName, SegmentAttribute] | None = None
    value_integer: Annotated[int, Interval(ge=-(2**31), lt=2**31)] | None = None
    value_list: list[SegmentAttribute] | None = None
    value_arn: Annotated[Text, MaxLen(1024)] | None = None

    _depth: int = PrivateAttr(default=1)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise ValueError("must have exactly one of ValueString, ValueMap, ValueInteger, ValueList, ValueArn")
        inner = (*(self.value_map or {}).values(), *(self.value_list or ()))
        self._depth = 1 + max((value._depth for value in inner), default=0)
        if self._depth > MAX_SEGMENT_DEPTH:
            raise ValueError(f"must not be nested deeper than {MAX_SEGMENT_DEPTH} levels")
        return self


def segment_attributes_json(attributes: Mapping[str, SegmentAttribute]) -> dict[str, Any]:
    """Convert segment attributes to their JSON on the wire."""
    return {name: value.model_dump(by_alias=True, exclude_none=True) for name, value in attributes.items()}


def _segment_attributes_within_limit(attributes: dict[str, SegmentAttribute]) -> dict[str, SegmentAttribute]:
    if len(to_json(segment_attributes_json(attributes))) > MAX_ATTRIBUTE_BYTES:
        raise ValueError(f"must be at most {MAX_ATTRIBUTE_BYTES} UTF-8 bytes of JSON")
    return attributes


SegmentAttributes = Annotated[
    dict[SegmentAttributeName, SegmentAttribute], AfterValidator(_segment_attributes_within_limit)
]


class StreamingConfiguration(WireModel):
    """The topic to which a chat is streamed: one that the configuration has."""

    streaming_endpoint_arn: Annotated[Text, MinLen(1), MaxLen(350)]


def _with_plain_text(types: list[str]) -> list[str]:
    if "text/plain" not in types:
        raise ValueError("must contain text/plain")
    return types


ConnectionType = Literal["WEBSOCKET", "CONNECTION_CREDENTIALS", "WEBRTC_CONNECTION", "AUTHENTICATION_SESSION"]


class StartChatContact(WireModel):
    """PUT /contact/chat."""

    instance_id: InstanceId
    contact_flow_id: FlowId
    participant_details: ParticipantDetails
    attributes: OrDefault[Attributes] = Field(default_factory=dict)
    initial_message: InitialMessage | None = None
    client_token: ClientToken | None = None
    chat_duration_in_minutes: Annotated[int, Interval(ge=60, le=10_080)] | None = None
    supported_messaging_content_types: Annotated[list[ContentType], AfterValidator(_with_plain_text)] | None = None
    persistent_chat: PersistentChat | None = None
    related_contact_id: ContactId | None = None
    participant_configuration: ParticipantConfiguration | None = None
    segment_attributes: OrDefault[SegmentAttributes] = Field(default_factory=dict)
    customer_id: Annotated[Text, MinLen(1), MaxLen(128)] | None = None
    disconnect_on_customer_exit: Annotated[
        Annotated[list[Literal["AGENT"]], MinLen(1), MaxLen(1)] | None,
        Remark("always so; refused where the customer cannot end the chat"),
    ] = None
    connection_types: Annotated[
        Annotated[list[ConnectionType], MinLen(1), MaxLen(2)] | None, Remark("WEBSOCKET and CONNECTION_CREDENTIALS")
    ] = None
    chat_streaming_configuration: StreamingConfiguration | None = None

    @model_validator(mode="after")
    def _supports_initial_message(self) -> Self:
        supported, message = self.supported_messaging_content_types, self.initial_message
        if supported and message and message.content_type not in supported:
            raise ValueError("InitialMessage.ContentType is not one of SupportedMessagingContentTypes")
        return self


class DisconnectReason(WireModel):
    """Why a contact is stopped. Has no effect for chats."""

    code: Text | None = None


class StopContact(WireModel):
    """POST /contact/stop."""

    instance_id: InstanceId
    contact_id: ContactId
    disconnect_reason: Annotated[DisconnectReason | None, NO_EFFECT] = None


class UpdateContactAttributes(WireModel):
    """POST /contact/attributes."""

    instance_id: InstanceId
    initial_contact_id: ContactId
    attributes: Annotated[Attributes, AfterValidator(_without_customer_token)]


class TransferContact(WireModel):
    """POST /contact/transfer. Amazon Connect supports it for tasks and e-mail only; here it transfers chats."""

    instance_id: InstanceId
    contact_id: ContactId
    contact_flow_id: Annotated[FlowId, Remark("must exist; the chat keeps its own")]
    queue_id: QueueId | None = None
    user_id: UserId | None = None
    client_token: ClientToken | None = None


class ParticipantCapabilities(WireModel):
    """What a participant can send besides text. Has no effect for chats."""

    video: Literal["SEND"] | None = None
    screen_share: Literal["SEND"] | None = None


class ParticipantToAdd(WireModel):
    """The participant who joins. In chats this must be a `CUSTOM_BOT`."""

    participant_role: Annotated[
        Literal["AGENT", "CUSTOMER", "SYSTEM", "CUSTOM_BOT", "SUPERVISOR"] | None, Remark("CUSTOM_BOT only")
    ] = None
    display_name: Annotated[Text, MinLen(1), MaxLen(256)] | None = None
    participant_capabilities: Annotated[ParticipantCapabilities | None, NO_EFFECT] = None


class CreateParticipant(WireModel):
    """POST /contact/create-participant."""

    instance_id: InstanceId
    contact_id: ContactId
    client_token: ClientToken | None = None
    participant_details: ParticipantToAdd


class AssociateContactWithUser(WireModel):
    """POST /contacts/{InstanceId}/{ContactId}/associate-user."""

    user_id: UserId
