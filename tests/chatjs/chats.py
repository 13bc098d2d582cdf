"""Chats to talk in, and the agents' desks: what a backend does around ChatJS, over the same HTTP that it would use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import httpx

from tests.stack import SECRET, Stack

INSTANCE, AGENT, OTHER_AGENT = "demo", "a1", "a2"


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
    """A backend with the demo key, and both demo agents at their desks."""

    def __init__(self, stack: Stack) -> None:
        self._connect = stack.connect()
        self._http = httpx.Client(base_url=stack.url, timeout=20)
        self._desks = {user: self._sign_in(user) for user in (AGENT, OTHER_AGENT)}

    def start(self, flow: str = "live", name: str = "Ada", **members: Any) -> Chat:
        """Starts a chat and gives it to the agent."""
        response = self._connect.start_chat_contact(
            InstanceId=INSTANCE, ContactFlowId=flow, ParticipantDetails={"DisplayName": name}, **members
        )
        response.pop("ResponseMetadata")
        contact = response["ContactId"]
        self.assign(contact, AGENT)
        return Chat(response, self.session(contact, AGENT))

    def assign(self, contact: str, user: str) -> None:
        """AssociateContactWithUser."""
        self._connect.associate_contact_with_user(InstanceId=INSTANCE, ContactId=contact, UserId=user)

    def session(self, contact: str, user: str) -> dict[str, Any]:
        """What an agent's desk gives to join a contact with."""
        return self._post(f"/v1/agent/contacts/{contact}/session", self._desks[user])

    def end(self, contact: str, user: str = AGENT) -> None:
        """An agent ends the chat at the desk."""
        self.act(contact, "end", user)

    def act(self, contact: str, action: str, user: str = AGENT) -> dict[str, Any]:
        """An agent does something with a contact at the desk."""
        return self._post(f"/v1/agent/contacts/{contact}/{action}", self._desks[user])

    def come_back(self, **how: str) -> dict[str, Any]:
        """What a customer who is back is offered."""
        key = {"authorization": f"Bearer {SECRET}"}
        return self._post("/v1/reconnections", key, {"instance": INSTANCE, **how})

    def hand_on(self, contact: str, user: str, to: str) -> str:
        """An agent transfers a contact at the desk; returns the contact that it goes on as."""
        return self._post(f"/v1/agent/contacts/{contact}/transfer", self._desks[user], {"user": to})["contact_id"]

    def transfer(self, contact: str, to: str) -> str:
        """The backend transfers a contact with TransferContact; returns the contact that it goes on as."""
        response = self._connect.transfer_contact(
            InstanceId=INSTANCE, ContactId=contact, ContactFlowId="live", UserId=to
        )
        return response["ContactId"]

    def associate(self, chat: Chat, source: str, kind: Literal["FROM_SEGMENT", "ENTIRE_PAST_SESSION"]) -> None:
        """CreatePersistentContactAssociation."""
        self._connect.create_persistent_contact_association(
            InstanceId=INSTANCE, InitialContactId=chat.contact, SourceContactId=source, RehydrationType=kind
        )

    def attributes(self, chat: Chat) -> dict[str, str]:
        """GetContactAttributes."""
        return self._connect.get_contact_attributes(InstanceId=INSTANCE, InitialContactId=chat.contact)["Attributes"]

    def described(self, chat: Chat) -> dict[str, Any]:
        """DescribeContact."""
        return self._connect.describe_contact(InstanceId=INSTANCE, ContactId=chat.contact)["Contact"]

    def transcript(self, chat: Chat) -> list[dict[str, Any]]:
        """All that is kept of a contact."""
        path, key = f"/v1/contacts/{chat.contact}/transcript", {"authorization": f"Bearer {SECRET}"}
        return self._http.get(path, headers=key, params={"instance": INSTANCE}).raise_for_status().json()["Transcript"]

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def _sign_in(self, user: str) -> dict[str, str]:
        key = {"authorization": f"Bearer {SECRET}"}
        signed_in = self._post("/v1/agents/sign-in", key, {"instance": INSTANCE, "user": user})
        return {"authorization": f"Bearer {signed_in['token']}"}

    def _post(self, path: str, headers: dict[str, str], body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self._http.post(path, headers=headers, json=body)
        assert response.is_success, response.text
        return response.json()
