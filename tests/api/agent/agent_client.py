"""Client of an agent for the tests of the agent API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.api.calls import Api
from tests.compat.chats import Chat, eventually
from tests.stack import SECRET

Json = dict[str, Any]


@dataclass(frozen=True)
class AgentClient:
    """Client of an agent who has signed in."""

    api: Api
    user: str
    headers: dict[str, str]
    key = {"authorization": f"Bearer {SECRET}"}

    def get(self, path: str, prefix: str = "agent/", **query: Any) -> httpx.Response:
        return self.api.http.get(f"/v1/{prefix}{path}".rstrip("/"), headers=self.headers, params=query)

    def post(self, path: str, body: Json | None = None, prefix: str = "agent/") -> httpx.Response:
        return self.api.http.post(f"/v1/{prefix}{path}", headers=self.headers, json=body)

    def put(self, path: str, body: Json, prefix: str = "agent/") -> httpx.Response:
        return self.api.http.put(f"/v1/{prefix}{path}", headers=self.headers, json=body)

    def me(self) -> Json:
        return self.get("").raise_for_status().json()

    def set_status(self, status: str, **members: Any) -> Json:
        return self.put("status", {"status": status, **members}).raise_for_status().json()

    def contacts(self) -> dict[str, Json]:
        found = self.get("contacts").raise_for_status().json()["contacts"]
        return {contact["contact_id"]: contact for contact in found}

    def offers(self) -> list[Json]:
        return self.get("offers").raise_for_status().json()["offers"]

    def wait_for_offer(self, chat: Chat) -> str:
        """Wait for the offer of a chat; return its id."""

        def probe() -> str | None:
            found = (o["offer_id"] for o in self.offers() if o["initial_contact_id"] == chat.contact_id)
            return next(found, None)

        return eventually(probe, f"offer to {self.user}")

    def waiting_contacts(self, queue: str) -> list[Json]:
        return self.get(f"queues/{queue}").raise_for_status().json()["contacts"]

    def pick(self, chat: Chat, queue: str) -> httpx.Response:
        return self.post(f"queues/{queue}/contacts/{chat.contact_id}/pick")


def sign_in(api: Api, user: str) -> AgentClient:
    token = api.send("SignIn", {"instance": "demo", "user": user}).raise_for_status().json()["token"]
    return AgentClient(api, user, {"authorization": f"Bearer {token}"})


def start_waiting_chat(api: Api, agent: AgentClient, workstream: str, queue: str) -> Chat:
    """Start a chat and wait until it is in its queue."""
    chat = api.start(workstream)
    eventually(lambda: chat.contact_id in [c["contact_id"] for c in agent.waiting_contacts(queue)], "chat in the queue")
    return chat
