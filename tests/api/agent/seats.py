"""An agent's client, as the tests of the desk use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.api.calls import Api
from tests.compat.chats import Chat, eventually
from tests.stack import SECRET

Json = dict[str, Any]


@dataclass(frozen=True)
class Seat:
    """An agent who has signed in."""

    api: Api
    user: str
    headers: dict[str, str]
    key = {"authorization": f"Bearer {SECRET}"}

    def get(self, path: str, room: str = "agent/", **query: Any) -> httpx.Response:
        return self.api.http.get(f"/v1/{room}{path}".rstrip("/"), headers=self.headers, params=query)

    def post(self, path: str, body: Json | None = None, room: str = "agent/") -> httpx.Response:
        return self.api.http.post(f"/v1/{room}{path}", headers=self.headers, json=body)

    def put(self, path: str, body: Json, room: str = "agent/") -> httpx.Response:
        return self.api.http.put(f"/v1/{room}{path}", headers=self.headers, json=body)

    def me(self) -> Json:
        return self.get("").raise_for_status().json()

    def becomes(self, presence: str, **more: Any) -> Json:
        return self.put("presence", {"presence": presence, **more}).raise_for_status().json()

    def contacts(self) -> dict[str, Json]:
        found = self.get("contacts").raise_for_status().json()["contacts"]
        return {contact["contact_id"]: contact for contact in found}

    def offers(self) -> list[Json]:
        return self.get("offers").raise_for_status().json()["offers"]

    def is_offered(self, chat: Chat) -> str:
        """The id of the offer of a chat, as soon as there is one."""

        def look() -> str | None:
            found = (o["offer_id"] for o in self.offers() if o["initial_contact_id"] == chat.contact_id)
            return next(found, None)

        return eventually(look, f"offer to {self.user}")

    def waiting(self, queue: str) -> list[Json]:
        return self.get(f"queues/{queue}").raise_for_status().json()["contacts"]

    def pick(self, chat: Chat, queue: str) -> httpx.Response:
        return self.post(f"queues/{queue}/contacts/{chat.contact_id}/pick")


def seat(api: Api, user: str) -> Seat:
    token = api.send("SignIn", {"instance": "demo", "user": user}).raise_for_status().json()["token"]
    return Seat(api, user, {"authorization": f"Bearer {token}"})


def waits(api: Api, seat: Seat, workstream: str, queue: str) -> Chat:
    """A new chat, once it stands in its queue."""
    chat = api.start(workstream)
    eventually(lambda: chat.contact_id in [c["contact_id"] for c in seat.waiting(queue)], "chat in the queue")
    return chat
