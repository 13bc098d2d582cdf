"""A backend that starts chats and acts for the agents over HTTP. ChatJS does the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import httpx

from tests.stack import SECRET, Stack

INSTANCE, AGENT, OTHER_AGENT, SUPERVISOR = "demo", "a1", "a2", "s1"


@dataclass(frozen=True)
class Chat:
    """A chat. `customer` is the StartChatContact response, `agent` the session with which the agent joins."""

    customer: dict[str, Any]
    agent: dict[str, Any]

    @property
    def contact(self) -> str:
        """Return the contact id."""
        return self.customer["ContactId"]


class Backend:
    """A backend with the demo key. Both demo agents and the supervisor are signed in."""

    def __init__(self, stack: Stack) -> None:
        self._connect = stack.connect()
        self._http = httpx.Client(base_url=stack.url, timeout=20)
        self._agent_headers = {user: self._sign_in(user) for user in (AGENT, OTHER_AGENT, SUPERVISOR)}

    def start(self, flow: str = "live", name: str = "Ada", **members: Any) -> Chat:
        """Start a chat and assign it to the agent."""
        response = self._connect.start_chat_contact(
            InstanceId=INSTANCE, ContactFlowId=flow, ParticipantDetails={"DisplayName": name}, **members
        )
        response.pop("ResponseMetadata")
        contact = response["ContactId"]
        self.assign(contact, AGENT)
        return Chat(response, self.session(contact, AGENT))

    def assign(self, contact: str, user: str) -> None:
        """Call AssociateContactWithUser."""
        self._connect.associate_contact_with_user(InstanceId=INSTANCE, ContactId=contact, UserId=user)

    def session(self, contact: str, user: str) -> dict[str, Any]:
        """Return the session with which an agent joins a contact."""
        return self._post(f"/v1/agent/contacts/{contact}/session", self._agent_headers[user])

    def monitor(self, contact: str) -> dict[str, Any]:
        """Call MonitorContact for the supervisor, who may barge in. Returns the session with which they monitor the contact."""
        self._connect.monitor_contact(
            InstanceId=INSTANCE,
            ContactId=contact,
            UserId=SUPERVISOR,
            AllowedMonitorCapabilities=["SILENT_MONITOR", "BARGE"],
        )
        return self.session(contact, SUPERVISOR)

    def supervise(self, contact: str, action: str) -> None:
        """Have the supervisor barge into a contact that they monitor, or leave it."""
        path = f"/v1/supervision/contacts/{contact}/monitor/{action}"
        self._post(path, self._agent_headers[SUPERVISOR])

    def end(self, contact: str, user: str = AGENT) -> None:
        """End the chat as an agent."""
        self.act(contact, "end", user)

    def act(self, contact: str, action: str, user: str = AGENT) -> dict[str, Any]:
        """Perform an agent action on a contact."""
        return self._post(f"/v1/agent/contacts/{contact}/{action}", self._agent_headers[user])

    def reconnect(self, **members: str) -> dict[str, Any]:
        """Return the reconnection offer for a returning customer."""
        headers = {"authorization": f"Bearer {SECRET}"}
        return self._post("/v1/reconnections", headers, {"instance": INSTANCE, **members})

    def transfer_as_agent(self, contact: str, user: str, to: str) -> str:
        """Transfer a contact as an agent; return the new contact id."""
        return self._post(f"/v1/agent/contacts/{contact}/transfer", self._agent_headers[user], {"user": to})[
            "contact_id"
        ]

    def transfer(self, contact: str, to: str) -> str:
        """Transfer a contact with TransferContact; return the new contact id."""
        response = self._connect.transfer_contact(
            InstanceId=INSTANCE, ContactId=contact, ContactFlowId="live", UserId=to
        )
        return response["ContactId"]

    def associate(self, chat: Chat, source: str, kind: Literal["FROM_SEGMENT", "ENTIRE_PAST_SESSION"]) -> None:
        """Call CreatePersistentContactAssociation."""
        self._connect.create_persistent_contact_association(
            InstanceId=INSTANCE, InitialContactId=chat.contact, SourceContactId=source, RehydrationType=kind
        )

    def attributes(self, chat: Chat) -> dict[str, str]:
        """Call GetContactAttributes."""
        return self._connect.get_contact_attributes(InstanceId=INSTANCE, InitialContactId=chat.contact)["Attributes"]

    def describe(self, chat: Chat) -> dict[str, Any]:
        """Call DescribeContact."""
        return self._connect.describe_contact(InstanceId=INSTANCE, ContactId=chat.contact)["Contact"]

    def transcript(self, chat: Chat) -> list[dict[str, Any]]:
        """Return all stored transcript items of a contact."""
        path, headers = f"/v1/contacts/{chat.contact}/transcript", {"authorization": f"Bearer {SECRET}"}
        return (
            self._http.get(path, headers=headers, params={"instance": INSTANCE}).raise_for_status().json()["Transcript"]
        )

    def close(self) -> None:
        """Close the HTTP connections."""
        self._http.close()

    def _sign_in(self, user: str) -> dict[str, str]:
        headers = {"authorization": f"Bearer {SECRET}"}
        signed_in = self._post("/v1/agents/sign-in", headers, {"instance": INSTANCE, "user": user})
        return {"authorization": f"Bearer {signed_in['token']}"}

    def _post(self, path: str, headers: dict[str, str], body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self._http.post(path, headers=headers, json=body)
        assert response.is_success, response.text
        return response.json()
