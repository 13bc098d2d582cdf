"""What a closed queue takes, and what it refuses."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.calls import Api, assert_refused
from tests.api.conftest import SOON
from tests.compat.chats import Chat, eventually

ALL = "secret-of-the-key-all"
REFUSED = (400, "InvalidRequestException")


def start(two: Api, workstream: str, token: str = "", **members: Any) -> httpx.Response:
    body = {
        "InstanceId": "hours",
        "ContactFlowId": workstream,
        "ParticipantDetails": {"DisplayName": "Ada"},
        "ClientToken": token,
        **members,
    }
    return two.send("StartChatContact", body, token=ALL)


def assigned(two: Api, workstream: str) -> str:
    """The contact of a chat that an agent has."""
    contact_id: str = start(two, workstream).raise_for_status().json()["ContactId"]
    chat, ids = Chat(contact_id, "", "", ""), {"InstanceId": "hours"}
    two.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat, token=ALL, path=ids).raise_for_status()
    return contact_id


def transfer(two: Api, contact_id: str, token: str = "", **target: Any) -> httpx.Response:
    body = {"InstanceId": "hours", "ContactId": contact_id, "ContactFlowId": "open", "ClientToken": token, **target}
    return two.send("TransferContact", body, token=ALL)


def test_no_live_chat_begins_at_a_closed_queue(two: Api) -> None:
    assert_refused(start(two, "closed"), *REFUSED, "ContactFlowId: the queue 'closed' is closed.")
    assert_refused(start(two, "soon"), *REFUSED, f"the queue 'soon' is closed until {SOON} 08:00 UTC.")


@pytest.mark.parametrize("workstream", ["open", "waiting", "persistent"])
def test_others_begin(two: Api, workstream: str) -> None:
    assert start(two, workstream).status_code == 200


def test_a_chat_that_did_begin_is_the_answer_to_a_repeat(two: Api) -> None:
    token = str(uuid4())
    began = start(two, "open", token).raise_for_status().json()["ContactId"]
    assert start(two, "closed", token).raise_for_status().json()["ContactId"] == began


def test_a_live_chat_is_not_transferred_to_a_closed_queue(two: Api) -> None:
    contact_id = assigned(two, "open")
    assert_refused(transfer(two, contact_id, QueueId="closed"), *REFUSED, "QueueId: the queue 'closed' is closed.")
    assert_refused(transfer(two, contact_id, QueueId="soon"), *REFUSED, f"until {SOON} 08:00 UTC.")
    assert transfer(two, contact_id, QueueId="open").status_code == 200


def test_a_persistent_chat_is(two: Api) -> None:
    assert transfer(two, assigned(two, "persistent"), QueueId="soon").status_code == 200


def test_an_agent_gets_it_at_any_time(two: Api) -> None:
    assert transfer(two, assigned(two, "waiting"), UserId="a1").status_code == 200


def test_who_waits_is_told_in_their_language_when_it_opens(two: Api) -> None:
    contact_id = start(two, "waiting", Attributes={"language": "de-AT"}).raise_for_status().json()["ContactId"]

    def told() -> bool:
        path = f"/v1/contacts/{contact_id}/transcript?instance=hours&format=text"
        text = two.http.get(path, headers={"authorization": f"Bearer {ALL}"}).raise_for_status().text
        return f"Wir öffnen: {SOON} 08:00 UTC." in text

    eventually(told, "word of the opening hours")
