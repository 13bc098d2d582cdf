"""Chats that browsers start without a backend, and the proof that a chat is the browser's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.calls import Api, served
from tests.compat.chats import eventually
from tests.stack import ROOT, SECRET

pytestmark = pytest.mark.slow

CONFIGURATION = (
    (ROOT / "perennial.toml").read_text()
    + """
[instances.quiet.workstreams.live]
mode = "live"
queue = "live"

[instances.shop.workstreams.live]
mode = "live"
queue = "live"

[instances.shop.workstreams.private]
mode = "live"
queue = "live"

[instances.shop.chat_pages]
workstreams = ["live"]
names = { live = { en = "Ask us", de = "Fragen Sie uns" } }
origins = ["https://shop.example.org"]
attributes = ["topic"]
"""
)
PATH = "/v1/chat-pages/chats"
KEY = {"authorization": f"Bearer {SECRET}"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("shop"), CONFIGURATION) as api:
        yield api


def body(**members: Any) -> dict[str, Any]:
    request = {"InstanceId": "shop", "ContactFlowId": "live", "ParticipantDetails": {"DisplayName": "Ada"}, **members}
    return {name: value for name, value in request.items() if value is not None}


def start(api: Api, **members: Any) -> dict[str, Any]:
    answer = api.http.post(PATH, json=body(**members))
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["startChatResult"]


def connection_token(api: Api, chat: dict[str, Any]) -> str:
    wanted = {"Type": ["CONNECTION_CREDENTIALS"]}
    answer = api.http.post("/participant/connection", json=wanted, headers={"x-amz-bearer": chat["ParticipantToken"]})
    return answer.raise_for_status().json()["ConnectionCredentials"]["ConnectionToken"]


def ended_chat(api: Api, **members: Any) -> dict[str, Any]:
    chat = start(api, **members)
    stop = {"InstanceId": "shop", "ContactId": chat["ContactId"]}
    api.http.post("/contact/stop", json=stop, headers=KEY).raise_for_status()

    def has_ended() -> bool:
        contact = api.http.get(f"/contacts/shop/{chat['ContactId']}", headers=KEY).json()["Contact"]
        return "DisconnectTimestamp" in contact

    eventually(has_ended, "end")
    return chat


def past(chat: dict[str, Any]) -> dict[str, str]:
    return {"SourceContactId": chat["ContactId"], "RehydrationType": "ENTIRE_PAST_SESSION"}


def assert_refused(answer: httpx.Response, status: int, words: str) -> None:
    assert (answer.status_code, words in answer.json()["Message"]) == (status, True), answer.text


def test_request_of_the_open_chat_interface_starts_a_chat(shop: Api) -> None:
    # as amazon-connect-chat-interface sends it: JSON as text/plain, with these members
    answer = shop.http.post(
        PATH,
        content=httpx.Request("POST", "http://x", json=body(SupportedMessagingContentTypes=["text/plain"])).content,
        headers={"content-type": "text/plain;charset=UTF-8"},
    )
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["featurePermissions"] == {"ATTACHMENTS": True, "MESSAGING_MARKDOWN": True}
    assert {"ContactId", "ParticipantId", "ParticipantToken"} <= data["startChatResult"].keys()
    assert connection_token(shop, data["startChatResult"])


def test_first_message_and_allowed_attributes_arrive(shop: Api) -> None:
    message = {"ContentType": "text/plain", "Content": "Do bees sleep?"}
    chat = start(shop, InitialMessage=message, Attributes={"topic": "bees", "language": "de"})
    token = connection_token(shop, chat)
    page = shop.http.post("/participant/transcript", json={}, headers={"x-amz-bearer": token}).json()
    assert [item["Content"] for item in page["Transcript"]] == ["Do bees sleep?"]
    found = shop.http.get(f"/contact/attributes/shop/{chat['ContactId']}", headers=KEY).json()["Attributes"]
    assert found == {"topic": "bees", "language": "de"}


@pytest.mark.parametrize(
    ("members", "status", "words"),
    [
        ({"InstanceId": "quiet"}, 404, "no public chats"),
        ({"InstanceId": "nowhere"}, 404, "no public chats"),
        ({"ContactFlowId": "private"}, 404, "no public chats"),
        ({"ContactFlowId": "nothing"}, 404, "no public chats"),
        ({"CustomerId": "crm-7"}, 403, "CustomerId"),
        ({"RelatedContactId": "3f0c"}, 403, "RelatedContactId"),
        ({"ChatDurationInMinutes": 60}, 403, "ChatDurationInMinutes"),
        ({"ChatStreamingConfiguration": {"StreamingEndpointArn": "arn:aws:sns:x"}}, 403, "ChatStreamingConfiguration"),
        ({"SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:Guide"}}}, 403, "SegmentAttributes"),
        ({"Attributes": {"topic": "bees", "vip": "yes"}}, 403, "Attributes.vip"),
        ({"ParticipantDetails": None}, 400, "ParticipantDetails"),
        ({"ParticipantDetails": {"DisplayName": 7}}, 400, "DisplayName"),
    ],
)
def test_request_for_more_is_refused(shop: Api, members: dict[str, Any], status: int, words: str) -> None:
    assert_refused(shop.http.post(PATH, json=body(**members)), status, words)


def test_unknown_and_closed_instances_have_the_same_answer(shop: Api) -> None:
    quiet, nowhere = (shop.http.get(f"/v1/chat-pages/{name}") for name in ("quiet", "nowhere"))
    assert quiet.status_code == nowhere.status_code == 404
    assert quiet.json()["Message"].replace("quiet", "nowhere") == nowhere.json()["Message"]


def test_browser_that_has_started_a_chat_continues_it(shop: Api) -> None:
    source = ended_chat(shop, InitialMessage={"ContentType": "text/plain", "Content": "See you"})
    chat = start(shop, PersistentChat=past(source), ContinuationToken=source["ContinuationToken"])
    assert chat["ContinuedFromContactId"] == source["ContactId"]
    again = {"InstanceId": "shop", "ContactId": chat["ContactId"]}
    shop.http.post("/contact/stop", json=again, headers=KEY).raise_for_status()


def test_browser_returns_to_a_chat_that_goes_on(shop: Api) -> None:
    source = start(shop)
    chat = start(shop, PersistentChat=past(source), ContinuationToken=source["ContinuationToken"])
    assert (chat["ContactId"], chat["ParticipantId"]) == (source["ContactId"], source["ParticipantId"])
    assert connection_token(shop, chat)
    stranger = body(PersistentChat=past(source), ContinuationToken=start(shop)["ContinuationToken"])
    assert_refused(shop.http.post(PATH, json=stranger), 403, "another chat")


def test_nobody_continues_a_chat_of_somebody_else(shop: Api) -> None:
    source, own = ended_chat(shop), ended_chat(shop)
    tokens = (
        None,
        own["ContinuationToken"],
        source["ParticipantToken"],
        connection_token(shop, start(shop)),
        source["ContinuationToken"][:-4] + "AAAA",
    )
    for token in tokens:
        answer = shop.http.post(PATH, json=body(PersistentChat=past(source), ContinuationToken=token))
        assert answer.status_code == 403, token
    # nor with a token that names the same contact in another instance
    elsewhere = body(InstanceId="demo", PersistentChat=past(source), ContinuationToken=source["ContinuationToken"])
    assert_refused(shop.http.post(PATH, json=elsewhere), 403, "another chat")


def test_chat_of_a_backend_is_not_continued_by_a_browser(shop: Api) -> None:
    of_backend = shop.http.put("/contact/chat", json=body(), headers=KEY).json()
    shop.http.post("/contact/stop", json={"InstanceId": "shop", "ContactId": of_backend["ContactId"]}, headers=KEY)
    assert_refused(shop.http.post(PATH, json=body(PersistentChat=past(of_backend))), 403, "ContinuationToken")


def test_repeated_start_is_the_same_chat(shop: Api) -> None:
    first, second = start(shop, ClientToken="once"), start(shop, ClientToken="once")
    assert first["ContactId"] == second["ContactId"]


def test_client_token_of_a_backend_gives_nothing_to_a_browser(shop: Api) -> None:
    request = body(ClientToken="order-17")
    of_backend = shop.http.put("/contact/chat", json=request, headers=KEY).json()
    assert start(shop, ClientToken="order-17")["ContactId"] != of_backend["ContactId"]


def test_page_learns_what_it_may_start(shop: Api) -> None:
    answer = shop.http.get("/v1/chat-pages/shop", headers={"accept-language": "de-AT,de;q=0.9,en;q=0.8"})
    [live] = answer.json()["workstreams"]
    assert (live["workstream"], live["name"], live["mode"], live["is_open"]) == ("live", "Fragen Sie uns", "live", True)
    assert "png" in live["files"]


def test_starts_of_an_address_are_limited(tmp_path_factory: pytest.TempPathFactory) -> None:
    limits = '{"public_starts": "0.01/2", "public_reads": "0.01/1"}'
    with served(tmp_path_factory.mktemp("limited"), CONFIGURATION, PERENNIAL_LIMITS=limits) as api:
        assert [api.http.post(PATH, json=body()).status_code for _ in range(3)] == [200, 200, 429]
        reads = [api.http.get("/v1/chat-pages/shop") for _ in range(2)]
        assert [read.status_code for read in reads] == [200, 429]
        assert int(reads[1].headers["retry-after"]) > 1


@pytest.mark.parametrize("origin", ["https://evil.example", "https://shop.example.org", "null", ""])
def test_page_of_another_origin_starts_no_chat(shop: Api, origin: str) -> None:
    """Not in vain: a browser sends such a request without asking first, and only hides the answer from the page."""
    content = httpx.Request("POST", "http://x", json=body(ClientToken=f"of {origin}")).content
    headers = {"content-type": "text/plain", "origin": origin}
    assert_refused(shop.http.post(PATH, content=content, headers=headers), 403, "PERENNIAL_ALLOWED_ORIGINS")


def test_own_pages_and_those_of_allowed_origins_start_chats(shop: Api) -> None:
    for origin in (shop.stack.url, "http://localhost:3000"):
        assert shop.http.post(PATH, json=body(), headers={"origin": origin}).status_code == 200
