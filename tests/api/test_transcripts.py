"""Transcript of a contact for backends, during the chat and after it, and its archived file."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.calls import Api, assert_refused
from tests.api.test_keys import ALL, ONE
from tests.api.test_keys import start_chat as start_in
from tests.compat.chats import EVENT, Chat, eventually, join_as_agent
from tests.stack import SECRET

REFUSED = (400, "InvalidRequestException")


def get_transcript(api: Api, contact_id: str, *, secret: str = SECRET, **query: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {secret}"}
    return api.http.get(f"/v1/contacts/{contact_id}/transcript", params={"instance": "demo", **query}, headers=headers)


def send_message(api: Api, chat: Chat, text: str) -> str:
    body = {"ContentType": "text/plain", "Content": text}
    return api.send("SendMessage", body, chat=chat).raise_for_status().json()["Id"]


def contents(document: dict[str, Any]) -> list[str]:
    return [entry.get("Content") or entry["ContentType"].removeprefix(EVENT) for entry in document["Transcript"]]


def test_transcript_of_running_chat_includes_latest_message(api: Api) -> None:
    chat = api.start()
    document: dict[str, Any] = {}
    for n in range(3):
        sent = send_message(api, chat, f"Grüße {n}")
        response = get_transcript(api, chat.contact_id)
        assert response.headers["content-type"] == "application/json"
        document = response.json()
        assert document["Transcript"][-1]["Id"] == sent, "an accepted message must be in the transcript at once"
    # items are those of GetTranscript, without the ids that the document has at its top level
    [latest] = api.send("GetTranscript", {"MaxResults": 1}, chat=chat).json()["Transcript"]
    del latest["ContactId"], latest["InitialContactId"]
    assert document["Transcript"][-1] == latest
    assert contents(document) == ["participant.joined", "Grüße 0", "Grüße 1", "Grüße 2"]
    assert {name: document[name] for name in document if name != "Transcript"} == {
        "Version": "2019-08-26",
        "AWSAccountId": "000000000000",
        "InstanceId": "demo",
        "InitialContactId": chat.contact_id,
        "ContactId": chat.contact_id,
        "Participants": [{"ParticipantId": chat.participant_id}],
    }


def test_transcript_is_available_as_text(api: Api) -> None:
    chat = api.start()
    send_message(api, chat, "two\nlines")
    response = get_transcript(api, chat.contact_id, format="text")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    lines = response.text.split("\n")
    assert lines[0].split() == ["Contact:", chat.contact_id]
    assert "Ended:        not yet" in lines
    assert lines[-2].endswith("Z  customer    Ada: two ⏎ lines")
    api.end(chat)
    ended_text = get_transcript(api, chat.contact_id, format="text").text
    assert "Ended:        20" in ended_text
    assert "(stopped)" in ended_text
    assert ended_text.endswith("Z  system      The chat ended\n")


def test_each_contact_has_its_own_transcript_and_archived_file(api: Api) -> None:
    chat = api.start("live")
    send_message(api, chat, "to the first")
    agent = join_as_agent(api.stack, api.stack.connect(), api.stack.participant(), chat)
    send_message(api, agent, "from the first")
    thanks = send_message(api, chat, "thanks")
    assert get_transcript(api, chat.contact_id).json()["Transcript"][-1]["Id"] == thanks
    event = {"ContentType": EVENT + "message.read", "Content": json.dumps({"messageId": thanks})}
    api.send("SendEvent", event, chat=agent).raise_for_status()
    second = api.stack.connect().transfer_contact(
        InstanceId="demo", ContactId=chat.contact_id, ContactFlowId="live", QueueId="persistent"
    )["ContactId"]
    send_message(api, chat, "to nobody")
    api.end(chat)
    one, two = get_transcript(api, chat.contact_id).json(), get_transcript(api, second).json()
    joined, left = "participant.joined", "participant.left"
    assert contents(one) == [joined, "to the first", joined, "from the first", "thanks", left, "transfer.succeeded"]
    assert contents(two) == ["to nobody", left, "chat.ended"]
    assert (two["ContactId"], two["InitialContactId"]) == (second, chat.contact_id)
    thanks_item = one["Transcript"][contents(one).index("thanks")]
    assert thanks_item["MessageMetadata"]["Receipts"][0]["RecipientParticipantId"] == agent.participant_id
    assert {who["ParticipantId"] for who in one["Participants"]} == {chat.participant_id, agent.participant_id}
    assert [who["ParticipantId"] for who in two["Participants"]] == [chat.participant_id]

    for contact_id, document in ((chat.contact_id, one), (second, two)):
        described = api.stack.connect().describe_contact(InstanceId="demo", ContactId=contact_id)["Contact"]
        assert json.loads(wait_for_archive(api, contact_id, described["InitiationTimestamp"]).read_bytes()) == document


def wait_for_archive(api: Api, contact_id: str, started_at: datetime) -> Path:
    """Wait for the archived file; return its path."""
    path = api.stack.folder / "transcripts" / "demo" / f"{started_at:%Y/%m/%d}" / f"{contact_id}.json"
    eventually(path.exists, f"{path}")
    return path


def test_long_transcript_is_complete(api: Api) -> None:
    chat = api.start()
    for n in range(60):
        send_message(api, chat, f"{n} " + "x" * 16_000)
    api.end(chat)
    texts = contents(get_transcript(api, chat.contact_id).json())
    assert [text.split()[0] for text in texts[1:-2]] == [str(n) for n in range(60)]
    assert texts[-1] == "chat.ended"


@pytest.mark.parametrize("format", ["xml", "", "JSON", "json\x00"])
def test_unknown_format_is_refused(api: Api, chat: Chat, format: str) -> None:
    refused = get_transcript(api, chat.contact_id, format=format)
    assert_refused(refused, *REFUSED, "format: ")
    assert "'json' or 'text'" in refused.json()["Message"]


@pytest.mark.parametrize("instance", ["", "x" * 101, "de\x00mo"])
def test_malformed_instance_is_refused(api: Api, chat: Chat, instance: str) -> None:
    assert_refused(get_transcript(api, chat.contact_id, instance=instance), *REFUSED, "instance: ")


def test_missing_instance_is_refused(api: Api, chat: Chat) -> None:
    headers = {"authorization": f"Bearer {SECRET}"}
    refused = api.http.get(f"/v1/contacts/{chat.contact_id}/transcript", headers=headers)
    assert_refused(refused, *REFUSED, "instance: ")


def test_unknown_or_malformed_ids_are_refused(api: Api, chat: Chat) -> None:
    unknown = str(uuid4())
    assert_refused(get_transcript(api, unknown), 404, "ResourceNotFoundException", unknown)
    assert_refused(
        get_transcript(api, chat.contact_id, instance="nowhere"),
        404,
        "ResourceNotFoundException",
        "instance: there is no instance 'nowhere'",
    )
    assert_refused(get_transcript(api, "x" * 257), *REFUSED, "contact_id: ")
    assert_refused(get_transcript(api, "a%00b"), *REFUSED, "contact_id: ")


def test_transcript_requires_a_backend_key(api: Api, chat: Chat) -> None:
    for secret in ("wrong", chat.token, chat.participant_token):
        assert_refused(get_transcript(api, chat.contact_id, secret=secret), 403, "AccessDeniedException")
    refused = api.http.get(f"/v1/contacts/{chat.contact_id}/transcript", params={"instance": "demo"})
    assert_refused(refused, 403, "AccessDeniedException")


def test_limited_key_reads_its_own_tenant_only(tenants: Api) -> None:
    own_contact, other_contact = (start_in(tenants, name)["ContactId"] for name in ("one", "two"))
    assert get_transcript(tenants, own_contact, secret=ONE, instance="one").status_code == 200
    refused = get_transcript(tenants, other_contact, secret=ONE, instance="two")
    assert_refused(refused, 404, "ResourceNotFoundException", "no instance 'two' for this access key")
    for instance, contact_id in (("one", other_contact), ("two", own_contact)):
        assert_refused(
            get_transcript(tenants, contact_id, secret=ALL, instance=instance), 404, "ResourceNotFoundException"
        )
    assert get_transcript(tenants, other_contact, secret=ALL, instance="two").json()["InstanceId"] == "two"
