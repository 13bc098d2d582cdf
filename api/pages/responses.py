"""Response bodies of the chat pages."""

from __future__ import annotations

from typing import Any

from api.openapi import ResponseBody, example


class PublicWorkstream(ResponseBody):
    """A workstream whose chats a browser may start.

    Attributes:
        name: how to call it, in a language of the request; None: the page has words for each mode.
        opens_at: when its queue opens, if it is closed; None if it is open, or does not open in the near future.
        takes_chats: whether a chat can begin now. A persistent one can begin outside of the opening hours, too.
        files: the extensions of the files that can be sent.
    """

    workstream: str
    name: str | None
    mode: str
    is_open: bool
    opens_at: str | None
    takes_chats: bool
    customer_may_end: bool
    files: tuple[str, ...]


class ChatPagesResponse(ResponseBody):
    """What a page needs to know before a chat begins."""

    model_config = example(
        {
            "instance": "demo",
            "workstreams": [
                {
                    "workstream": "live",
                    "name": None,
                    "mode": "live",
                    "is_open": True,
                    "opens_at": None,
                    "takes_chats": True,
                    "customer_may_end": True,
                    "files": ["png"],
                }
            ],
        }
    )

    instance: str
    workstreams: tuple[PublicWorkstream, ...]


class PublicChatResponse(ResponseBody):
    """The answer of Amazon's contract: `startChatResult` is the response of StartChatContact, with a `ContinuationToken`."""

    model_config = example(
        {
            "data": {
                "startChatResult": {
                    "ContactId": "3f0c...",
                    "ParticipantId": "1f0e...",
                    "ParticipantToken": "eyJ...",
                    "ContinuationToken": "eyJ...",
                },
                "featurePermissions": {"ATTACHMENTS": True, "MESSAGING_MARKDOWN": True},
            }
        }
    )

    data: dict[str, Any]


class DemoAgent(ResponseBody):
    """An agent of the demo."""

    instance: str
    user: str
    name: str
    supervisor: bool


class DemoResponse(ResponseBody):
    """Who can sign in without a password, and where the Temporal UI is."""

    model_config = example(
        {
            "agents": [{"instance": "demo", "user": "a1", "name": "Agent One", "supervisor": False}],
            "temporal_ui": "http://127.0.0.1:8233",
        }
    )

    agents: tuple[DemoAgent, ...]
    temporal_ui: str | None
