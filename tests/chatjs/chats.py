"""Chats to talk in, and an agent's desk: what a backend does around ChatJS, over the same HTTP that it would use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.stack import SECRET, Stack

INSTANCE, AGENT = "demo", "a1"


@dataclass(frozen=True)
class Chat:
    """A chat. `customer` is the StartChatContact response as it came, `agent` what the desk gave to join with."""

    customer: dict[str, Any]
    agent: dict[str, Any]

    @property
    def contact(self) -> str:
        """Its contact id."""
        return self.customer["ContactId"]


class Backend:
    """A backend with the demo key, and agent a1 at a desk."""

    def __init__(self, stack: Stack) -> None:
        self._connect = stack.connect()
        self._http = httpx.Client(base_url=stack.url, timeout=20)
        signed_in = self._post(
            "/v1/agents/sign-in", {"authorization": f"Bearer {SECRET}"}, {"instance": INSTANCE, "user": AGENT}
        )
        self._desk = {"authorization": f"Bearer {signed_in['token']}"}

    def start(self, flow: str = "live", name: str = "Ada") -> Chat:
        """Starts a chat and gives it to the agent."""
        response = self._connect.start_chat_contact(
            InstanceId=INSTANCE, ContactFlowId=flow, ParticipantDetails={"DisplayName": name}
        )
        response.pop("ResponseMetadata")
        contact = response["ContactId"]
        self._connect.associate_contact_with_user(InstanceId=INSTANCE, ContactId=contact, UserId=AGENT)
        return Chat(response, self._post(f"/v1/agent/contacts/{contact}/session", self._desk))

    def end(self, chat: Chat) -> None:
        """The agent ends the chat at the desk."""
        self._post(f"/v1/agent/contacts/{chat.contact}/end", self._desk)

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def _post(self, path: str, headers: dict[str, str], body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self._http.post(path, headers=headers, json=body)
        assert response.is_success, response.text
        return response.json()
