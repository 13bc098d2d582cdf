"""The transcript of a contact for the backend, while the chat goes on and after it; and the file that it becomes."""

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
from tests.api.test_keys import start as start_in
from tests.compat.chats import EVENT, Chat, agent_joins, eventually
from tests.stack import SECRET

REFUSED = (400, "InvalidRequestException")


def ask(api: Api, contact_id: str, *, secret: str = SECRET, **query: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {secret}"}
    return api.http.get(f"/v1/contacts/{contact_id}/transcript", params={"instance": "demo", **query}, headers=headers)


def say(api: Api, chat: Chat, text: str) -> str:
    body = {"ContentType": "text/plain", "Content": text}
    return api.send("SendMessage", body, chat=chat).raise_for_status().json()["Id"]


def contents(document: dict[str, Any]) -> list[str]:
    return [entry.get("Content") or entry["ContentType"].removeprefix(EVENT) for entry in document["Transcript"]]


def test_of_a_chat_that_goes_on(api: Api) -> None:
    chat = api.start()
    document: dict[str, Any] = {}
    for n in range(3):
        sent = say(api, chat, f"Grüße {n}")
        answer = ask(api, chat.contact_id)
        assert answer.headers["content-type"] == "application/json"
        document = answer.json()
        assert document["Transcript"][-1]["Id"] == sent, "what has just been accepted is there"
    # one item as GetTranscript shows it, but for the ids that the document has once
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


def test_as_text(api: Api) -> None:
    chat = api.start()
    say(api, chat, "two\nlines")
    answer = ask(api, chat.contact_id, format="text")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = answer.text.split("\n")
    assert lines[0].split() == ["Contact:", chat.contact_id]
    assert "Ended:        not yet" in lines
    assert lines[-2].endswith("Z  customer    Ada: two ⏎ lines")
    api.end(chat)
    over = ask(api, chat.contact_id, format="text").text
    assert "Ended:        20" in over
    assert "(stopped)" in over
    assert over.endswith("Z  system      The chat ended\n")


def test_of_each_leg_of_an_ended_chat_and_the_file_it_became(api: Api) -> None:
    chat = api.start("live")
    say(api, chat, "to the first")
    agent = agent_joins(api.stack, api.stack.connect(), api.stack.participant(), chat)
    say(api, agent, "from the first")
    thanks = say(api, chat, "thanks")
    assert ask(api, chat.contact_id).json()["Transcript"][-1]["Id"] == thanks
    event = {"ContentType": EVENT + "message.read", "Content": json.dumps({"messageId": thanks})}
    api.send("SendEvent", event, chat=agent).raise_for_status()
    second = api.stack.connect().transfer_contact(
        InstanceId="demo", ContactId=chat.contact_id, ContactFlowId="live", QueueId="persistent"
    )["ContactId"]
    say(api, chat, "to nobody")
    api.end(chat)
    one, two = ask(api, chat.contact_id).json(), ask(api, second).json()
    joined, left = "participant.joined", "participant.left"
    assert contents(one) == [joined, "to the first", joined, "from the first", "thanks", left, "transfer.succeeded"]
    assert contents(two) == ["to nobody", left, "chat.ended"]
    assert (two["ContactId"], two["InitialContactId"]) == (second, chat.contact_id)
    thanked = one["Transcript"][contents(one).index("thanks")]
    assert thanked["MessageMetadata"]["Receipts"][0]["RecipientParticipantId"] == agent.participant_id
    assert {who["ParticipantId"] for who in one["Participants"]} == {chat.participant_id, agent.participant_id}
    assert [who["ParticipantId"] for who in two["Participants"]] == [chat.participant_id]

    for contact_id, document in ((chat.contact_id, one), (second, two)):
        began = api.stack.connect().describe_contact(InstanceId="demo", ContactId=contact_id)["Contact"]
        assert json.loads(written(api, contact_id, began["InitiationTimestamp"]).read_bytes()) == document


def written(api: Api, contact_id: str, began: datetime) -> Path:
    """The archived file, once it is there."""
    path = api.stack.folder / "transcripts" / "demo" / f"{began:%Y/%m/%d}" / f"{contact_id}.json"
    eventually(path.exists, f"{path}")
    return path


def test_longer_than_a_page(api: Api) -> None:
    chat = api.start()
    for n in range(60):
        say(api, chat, f"{n} " + "x" * 16_000)
    api.end(chat)
    said = contents(ask(api, chat.contact_id).json())
    assert [text.split()[0] for text in said[1:-2]] == [str(n) for n in range(60)]
    assert said[-1] == "chat.ended"


@pytest.mark.parametrize("format", ["xml", "", "JSON", "json\x00"])
def test_another_format(api: Api, chat: Chat, format: str) -> None:
    refused = ask(api, chat.contact_id, format=format)
    assert_refused(refused, *REFUSED, "format: ")
    assert "'json' or 'text'" in refused.json()["Message"]


@pytest.mark.parametrize("instance", ["", "x" * 101, "de\x00mo"])
def test_an_instance_that_is_none(api: Api, chat: Chat, instance: str) -> None:
    assert_refused(ask(api, chat.contact_id, instance=instance), *REFUSED, "instance: ")


def test_no_instance(api: Api, chat: Chat) -> None:
    headers = {"authorization": f"Bearer {SECRET}"}
    refused = api.http.get(f"/v1/contacts/{chat.contact_id}/transcript", headers=headers)
    assert_refused(refused, *REFUSED, "instance: ")


def test_what_there_is_not(api: Api, chat: Chat) -> None:
    unknown = str(uuid4())
    assert_refused(ask(api, unknown), 404, "ResourceNotFoundException", unknown)
    assert_refused(ask(api, chat.contact_id, instance="nowhere"), 404, "ResourceNotFoundException", "nowhere")
    assert_refused(ask(api, "x" * 257), *REFUSED, "contact_id: ")
    assert_refused(ask(api, "a%00b"), *REFUSED, "contact_id: ")


def test_it_is_for_backends_only(api: Api, chat: Chat) -> None:
    for secret in ("wrong", chat.token, chat.participant_token):
        assert_refused(ask(api, chat.contact_id, secret=secret), 403, "AccessDeniedException")
    refused = api.http.get(f"/v1/contacts/{chat.contact_id}/transcript", params={"instance": "demo"})
    assert_refused(refused, 403, "AccessDeniedException")


def test_a_limited_key(two: Api) -> None:
    mine, theirs = (start_in(two, name)["ContactId"] for name in ("one", "two"))
    assert ask(two, mine, secret=ONE, instance="one").status_code == 200
    refused = ask(two, theirs, secret=ONE, instance="two")
    assert_refused(refused, 403, "AccessDeniedException", "not for instance 'two'")
    for instance, contact_id in (("one", theirs), ("two", mine)):
        assert_refused(ask(two, contact_id, secret=ALL, instance=instance), 404, "ResourceNotFoundException")
    assert ask(two, theirs, secret=ALL, instance="two").json()["InstanceId"] == "two"
