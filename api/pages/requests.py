"""Bodies of the chat pages. That of a start is Amazon's contract for its open source chat interface."""

from __future__ import annotations

from typing import Annotated

from annotated_types import MaxLen, MinLen
from pydantic import ConfigDict

from api.connect.requests import StartChatContact
from domain.errors import AccessDenied
from wire.models import Text

Token = Annotated[Text, MinLen(1), MaxLen(4_000)]


class StartPublicChat(StartChatContact):
    """The request of amazon-connect-chat-interface: that of StartChatContact.

    `ContinuationToken` is ours: it proves that the browser was the customer of the source contact of `PersistentChat`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "InstanceId": "demo",
                "ContactFlowId": "persistent",
                "ParticipantDetails": {"DisplayName": "Ada"},
                "PersistentChat": {"SourceContactId": "3f0c...", "RehydrationType": "ENTIRE_PAST_SESSION"},
                "ContinuationToken": "eyJ...",
            }
        }
    )

    continuation_token: Token | None = None

    def require_public_members(self) -> None:
        """Check that the request has nothing for which a backend answers.

        Raises:
            AccessDenied: it has.
        """
        backends = {
            "CustomerId": self.customer_id,
            "RelatedContactId": self.related_contact_id,
            "SegmentAttributes": self.segment_attributes or None,
            "ChatDurationInMinutes": self.chat_duration_in_minutes,
            "ChatStreamingConfiguration": self.chat_streaming_configuration,
        }
        for name, value in backends.items():
            if value is not None:
                raise AccessDenied(f"{name}: only a backend may give it, by StartChatContact.")
