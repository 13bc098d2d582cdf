"""The agent's desk: who signs in sees and moves what is theirs, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from api.tokens import TokenKind
from tests.api.calls import Api, assert_refused, valid
from tests.compat.chats import EVENT, Chat, eventually

DENIED = (403, "AccessDeniedException")
NOT_FOUND = (404, "ResourceNotFoundException")
REFUSED = (400, "InvalidRequestException")
ACTIONS = ("end", "close", "park", "resume", "release")


class Desk:
    """An agent's client, holding a desk token."""

    def __init__(self, api: Api, token: str) -> None:
        self._api = api
        self._headers = {"authorization": f"Bearer {token}"}

    def get(self) -> httpx.Response:
        return self._api.http.get("/v1/agent/contacts", headers=self._headers)

    def contacts(self) -> dict[str, Any]:
        seen = self.get()
        assert seen.status_code == 200, seen.text
        return {contact["contact_id"]: contact for contact in seen.json()["contacts"]}

    def do(self, action: str, chat: Chat) -> httpx.Response:
        return self._api.http.post(f"/v1/agent/contacts/{chat.contact_id}/{action}", headers=self._headers)

    def hand_on(self, chat: Chat, user: str) -> Chat:
        path = f"/v1/agent/contacts/{chat.contact_id}/transfer"
        answer = self._api.http.post(path, headers=self._headers, json={"user": user}).raise_for_status()
        return replace(chat, contact_id=answer.json()["contact_id"])


def sign_in(api: Api, user: str) -> Desk:
    return Desk(api, api.send("SignIn", {"instance": "demo", "user": user}).raise_for_status().json()["token"])


@pytest.fixture(scope="module")
def a1(api: Api) -> Desk:
    return sign_in(api, "a1")


@pytest.fixture(scope="module")
def a2(api: Api) -> Desk:
    return sign_in(api, "a2")


def assigned(api: Api, user: str = "a1", workstream: str = "persistent", **members: Any) -> Chat:
    chat = api.start(workstream, **members)
    api.send("AssociateContactWithUser", {"UserId": user}, chat=chat).raise_for_status()
    return chat


def described(api: Api, chat: Chat) -> dict[str, Any]:
    return api.send("DescribeContact", chat=chat).raise_for_status().json()["Contact"]


def test_sign_in(api: Api) -> None:
    answer = api.send("SignIn", valid("SignIn", Chat("", "", "", ""))).json()
    assert answer == {"token": answer["token"], "user": "a1", "name": "Agent One", "expires_in": 43_200}
    assert Desk(api, answer["token"]).get().status_code == 200


@pytest.mark.parametrize(
    ("body", "refusal", "mention"),
    [
        ({"instance": "demo", "user": "nobody"}, NOT_FOUND, "user"),
        ({"instance": "nowhere", "user": "a1"}, NOT_FOUND, "nowhere"),
        ({"instance": "demo"}, REFUSED, "user"),
        ({"user": "a1"}, REFUSED, "instance"),
        ({"instance": "demo", "user": "a1", "admin": True}, REFUSED, "admin"),
        ({"instance": "demo", "user": ["a1"]}, REFUSED, "user"),
    ],
)
def test_sign_in_refused(api: Api, body: Any, refusal: tuple[int, str], mention: str) -> None:
    assert_refused(api.send("SignIn", body), *refusal, mention)


def test_sign_in_is_for_backends_only(api: Api, chat: Chat) -> None:
    desk = api.tokens().make(TokenKind.DESK, "a1", timedelta(hours=1), instance="demo")
    for token in ("wrong", chat.token, desk):
        assert_refused(api.send("SignIn", {"instance": "demo", "user": "a1"}, token=token), *DENIED)


def test_contact_appears_when_it_is_assigned(api: Api, a1: Desk, a2: Desk) -> None:
    chat = api.start(Attributes={"topic": "bees"})
    assert chat.contact_id not in a1.contacts()
    api.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat).raise_for_status()
    shown = a1.contacts()[chat.contact_id]
    assert shown == {
        "contact_id": chat.contact_id,
        "initial_contact_id": chat.contact_id,
        "workstream": "persistent",
        "queue": "persistent",
        "mode": "persistent",
        "state": "ACTIVE",
        "customer": "Ada",
        "started_at": shown["started_at"],
        "ended_at": None,
        "attributes": {"topic": "bees"},
    }
    assert shown["started_at"].endswith("Z")
    assert chat.contact_id not in a2.contacts()


def test_oldest_contact_comes_first(api: Api, a1: Desk) -> None:
    older, newer = api.start(), api.start()
    for chat in (newer, older):
        api.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat).raise_for_status()
    ids = list(a1.contacts())
    assert ids.index(older.contact_id) < ids.index(newer.contact_id)


def test_session_joins_the_chat_as_an_agent(api: Api, a1: Desk) -> None:
    chat = assigned(api)
    place = a1.do("session", chat).json()
    assert set(place) == {"ContactId", "InitialContactId", "ParticipantId", "ParticipantToken"}
    assert place["ContactId"] == place["InitialContactId"] == chat.contact_id
    assert UUID(place["ParticipantId"]) != UUID(chat.participant_id)
    body = {"Type": ["CONNECTION_CREDENTIALS"], "ConnectParticipant": True}
    connected = api.send("CreateParticipantConnection", body, token=place["ParticipantToken"]).json()
    token = connected["ConnectionCredentials"]["ConnectionToken"]
    sent = api.send("SendMessage", {"ContentType": "text/markdown", "Content": "**hi**"}, token=token).json()

    def look() -> Any:
        items = api.send("GetTranscript", {"SortOrder": "ASCENDING"}, chat=chat).json()["Transcript"]
        return items if items and items[-1]["Id"] == sent["Id"] else None

    joined, said = eventually(look, "words of the agent")
    assert joined["ContentType"] == EVENT + "participant.joined"
    for item in (joined, said):
        assert (item["ParticipantRole"], item["DisplayName"]) == ("AGENT", "Agent One")
        assert item["ParticipantId"] == place["ParticipantId"]
    assert a1.do("session", chat).json()["ParticipantId"] == place["ParticipantId"]


def test_end_leaves_the_wrap_up_and_close_finishes_it(api: Api, a1: Desk) -> None:
    chat = assigned(api)
    assert_refused(a1.do("close", chat), *REFUSED, "close: not possible")
    assert a1.do("end", chat).json() == {}
    shown = a1.contacts()[chat.contact_id]
    assert shown["state"] == "WRAP_UP"
    assert shown["ended_at"].endswith("Z")
    assert_refused(a1.do("session", chat), *DENIED, "ended")
    assert_refused(a1.do("end", chat), *REFUSED, "ended")
    assert_refused(api.send("SendMessage", valid("SendMessage", chat), chat=chat), *DENIED, "ended")
    contact = described(api, chat)
    assert contact["DisconnectReason"] == "AGENT_DISCONNECT"
    assert "AfterContactWorkEndTimestamp" not in contact["AgentInfo"]

    assert a1.do("close", chat).json() == {}
    assert chat.contact_id not in a1.contacts()
    info = described(api, chat)["AgentInfo"]
    assert info["AfterContactWorkEndTimestamp"] >= info["AfterContactWorkStartTimestamp"]
    assert_refused(a1.do("close", chat), *DENIED, "ended")


@pytest.mark.parametrize(("workstream", "action"), [("live", "park"), ("live", "resume"), ("persistent", "resume")])
def test_actions_that_do_not_fit(api: Api, a1: Desk, workstream: str, action: str) -> None:
    chat = assigned(api, workstream=workstream)
    assert_refused(a1.do(action, chat), *REFUSED, f"{action}: ")
    assert a1.contacts()[chat.contact_id]["state"] == "ACTIVE"


def test_a_parked_chat_stays_the_agents_and_is_taken_up_again(api: Api, a1: Desk, a2: Desk) -> None:
    chat = assigned(api)
    place = a1.do("session", chat).json()
    body = {"Type": ["CONNECTION_CREDENTIALS"], "ConnectParticipant": True}
    api.send("CreateParticipantConnection", body, token=place["ParticipantToken"]).raise_for_status()
    assert a1.do("park", chat).json() == {}
    assert a1.contacts()[chat.contact_id]["state"] == "WAITING"
    assert_refused(a1.do("session", chat), *REFUSED, "resume it first")
    assert_refused(api.send("CreateParticipantConnection", body, token=place["ParticipantToken"]), *DENIED)
    for action in ("park", "release", "end"):
        assert a1.do(action, chat).status_code == 400
    assert_refused(a2.do("resume", chat), *NOT_FOUND)

    api.send("SendMessage", valid("SendMessage", chat), chat=chat).raise_for_status()
    eventually(lambda: a1.contacts()[chat.contact_id]["state"] == "OPEN", "chat that its customer came back to")
    assert a1.do("resume", chat).json() == {}
    assert a1.contacts()[chat.contact_id]["state"] == "ACTIVE"
    again = a1.do("session", chat).json()
    assert (again["ContactId"], again["ParticipantId"]) == (chat.contact_id, place["ParticipantId"])
    connected = api.send("CreateParticipantConnection", body, token=again["ParticipantToken"]).json()
    token = connected["ConnectionCredentials"]["ConnectionToken"]
    assert api.send("SendMessage", valid("SendMessage", chat), token=token).status_code == 200


def test_a_released_chat_is_no_longer_the_agents(api: Api, a1: Desk, a2: Desk) -> None:
    chat = assigned(api)
    assert a1.do("release", chat).json() == {}
    assert chat.contact_id not in a1.contacts()
    released = described(api, chat)
    assert "DisconnectReason" not in released
    for action in ("end", "park", "release", "resume"):
        assert_refused(a1.do(action, chat), *REFUSED, "the contact has ended")
    assert_refused(a1.do("session", chat), *DENIED)
    # whose wrap-up is over cannot close that of the next one
    assert_refused(a1.do("close", chat), *DENIED)
    assert "DisconnectTimestamp" in released


def test_who_handed_a_chat_on_cannot_close_it(api: Api, a1: Desk, a2: Desk) -> None:
    chat = assigned(api)
    leg = a1.hand_on(chat, "a2")
    a2.do("end", leg).raise_for_status()
    assert_refused(a1.do("close", chat), *DENIED)
    assert a2.contacts()[leg.contact_id]["state"] == "WRAP_UP"


@pytest.mark.parametrize("action", ["session", *ACTIONS])
def test_contacts_of_others_are_as_unknown_as_none(api: Api, a1: Desk, a2: Desk, action: str) -> None:
    chat, waiting, nothing = assigned(api), api.start(), Chat(f"{uuid4()}", "", "", "")
    for unknown in (chat, nothing):
        refused = a2.do(action, unknown)
        assert_refused(refused, *NOT_FOUND, unknown.contact_id)
        assert refused.json()["Message"].replace(unknown.contact_id, "-") == "contact: you have no contact '-'."
    assert_refused(a1.do(action, waiting), *NOT_FOUND, "you have no contact")
    assert a1.contacts()[chat.contact_id]["state"] == "ACTIVE"


def test_desk_tokens_that_are_none(api: Api, chat: Chat) -> None:
    tokens, hour = api.tokens(), timedelta(hours=1)
    bad = (
        "nonsense",
        "perennial-demo-secret",
        chat.token,
        chat.participant_token,
        tokens.make(TokenKind.DESK, "a1", timedelta(seconds=-1), instance="demo"),
        tokens.make(TokenKind.DESK, "nobody", hour, instance="demo"),
        tokens.make(TokenKind.DESK, "a1", hour, instance="nowhere"),
        tokens.make(TokenKind.DESK, "a1", hour),
        *(tokens.make(kind, "a1", hour, instance="demo") for kind in TokenKind if kind is not TokenKind.DESK),
    )
    own = assigned(api)
    for token in bad:
        assert_refused(Desk(api, token).get(), *DENIED, "token")
        assert_refused(Desk(api, token).do("end", own), *DENIED, "token")
    assert_refused(api.http.get("/v1/agent/contacts"), *DENIED, "Bearer")
    assert Desk(api, tokens.make(TokenKind.DESK, "a1", hour, instance="demo")).contacts()[own.contact_id]


@pytest.mark.parametrize("contact_id", ["a" * 257, "%00", "a%00b"])
@pytest.mark.parametrize("action", ["session", "end"])
def test_contact_ids_that_are_none(a1: Desk, action: str, contact_id: str) -> None:
    assert_refused(a1.do(action, Chat(contact_id, "", "", "")), *REFUSED, "contact_id")


def test_unknown_action(api: Api, a1: Desk) -> None:
    assert_refused(a1.do("explode", assigned(api)), *REFUSED, "action")
