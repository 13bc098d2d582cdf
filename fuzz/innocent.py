"""The innocent chat: after everything that was sent, a customer and an agent still talk from start to end."""

from __future__ import annotations

import asyncio
from typing import Any

from fuzz.settings import INNOCENT
from fuzz.world import World

OFFER_SECONDS = 15.0
WORDS = ("Do bees sleep?", "They do.", "Thank you.")


class NotServed(Exception):
    """The innocent chat does not work."""


async def chat_innocently(world: World) -> None:
    """Hold a chat of a tenant that nobody has named yet.

    Raises:
        NotServed: there is no offer, or the transcript is not what was said.
        NotMade: a request is refused.
        NoAnswer: a request is not answered.
    """
    desk = await _desk(world)
    chat = await world.as_backend(
        "PUT",
        "/contact/chat",
        {"InstanceId": INNOCENT, "ContactFlowId": "live", "ParticipantDetails": {"DisplayName": "Ada"}},
        INNOCENT,
    )
    customer = await _connection(world, chat["ParticipantToken"])
    await _say(world, customer, WORDS[0])
    offer = await _offer(world, desk)
    contact = (await world.call("POST", f"/v1/agent/offers/{offer}/accept", **desk))["contact_id"]
    session = await world.call("POST", f"/v1/agent/contacts/{contact}/session", **desk)
    agent = await _connection(world, session["ParticipantToken"])
    await _say(world, agent, WORDS[1])
    await _say(world, customer, WORDS[2])
    await world.call("POST", f"/v1/agent/contacts/{contact}/end", **desk)
    await world.call("POST", f"/v1/agent/contacts/{contact}/close", **desk)
    page = await world.call(
        "POST", "/participant/transcript", {"SortOrder": "ASCENDING", "MaxResults": 100}, **customer
    )
    said = tuple(item["Content"] for item in page["Transcript"] if item["Type"] == "MESSAGE")
    if said != WORDS or not page["Transcript"][-1]["ContentType"].endswith("chat.ended"):
        raise NotServed(f"the transcript is {page['Transcript']}")
    described = await world.as_backend("GET", f"/contacts/{INNOCENT}/{contact}", None, INNOCENT)
    if "DisconnectTimestamp" not in described["Contact"]:
        raise NotServed("the contact has not ended")


async def _desk(world: World) -> dict[str, str]:
    signed_in = await world.as_backend("POST", "/v1/agents/sign-in", {"instance": INNOCENT, "user": "a1"}, INNOCENT)
    desk = {"authorization": f"Bearer {signed_in['token']}"}
    await world.call("PUT", "/v1/agent/status", {"status": "available"}, **desk)
    return desk


async def _offer(world: World, desk: dict[str, str]) -> str:
    deadline = asyncio.get_running_loop().time() + OFFER_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        offers: Any = (await world.call("GET", "/v1/agent/offers", **desk))["offers"]
        if offers:
            return offers[0]["offer_id"]
        await asyncio.sleep(0.1)
    raise NotServed(f"there is no offer within {OFFER_SECONDS:.0f} s")


async def _connection(world: World, token: str) -> dict[str, str]:
    connection = await world.connect(token)
    return {"x-amz-bearer": connection["ConnectionCredentials"]["ConnectionToken"]}


async def _say(world: World, seat: dict[str, str], words: str) -> None:
    await world.call("POST", "/participant/message", {"ContentType": "text/plain", "Content": words}, **seat)
