"""Workstreams that know their customers by tokens of the team's site: nobody becomes a customer by naming them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.connect.requests import CUSTOMER_TOKEN
from tests.api.agent.test_token_exchange import with_public_key_as_secret, without_signature
from tests.api.calls import Api, assert_refused, served, valid_body
from tests.api.reconnections.calls import create_link
from tests.api.token_issuer import AUDIENCE, ISSUER, PublishedKeys, claims, public_pem, signed
from tests.compat.chats import Chat
from tests.stack import SECRET

pytestmark = pytest.mark.slow

DENIED = (403, "AccessDeniedException")
NOT_FOUND = (404, "ResourceNotFoundException")
NOBODY = Chat("", "", "", "")
MEMBER = f"Attributes.{CUSTOMER_TOKEN}: "
WAYS = ("RelatedContactId", "FROM_SEGMENT", "ENTIRE_PAST_SESSION")


def configuration(keys: PublishedKeys) -> str:
    return f"""
    [access_keys.perennial]
    secret = "{SECRET}"
    [instances.demo.customer_identity]
    issuer = "{ISSUER}"
    audience = "{AUDIENCE}"
    jwks_url = "{keys.url}"
    [instances.demo.workstreams.signed]
    mode = "persistent"
    queue = "queue"
    customer_identity = "signed"
    reconnection = {{}}
    [instances.demo.workstreams.signed-too]
    mode = "persistent"
    queue = "queue"
    customer_identity = "signed"
    one_chat_per_customer = true
    [instances.demo.workstreams.open]
    mode = "persistent"
    queue = "queue"
    customer_identity = "claimed"
    reconnection = {{}}
    [instances.demo.workstreams.open-once]
    mode = "persistent"
    queue = "queue"
    one_chat_per_customer = true
    [instances.fixed.customer_identity]
    issuer = "{ISSUER}"
    [instances.fixed.customer_identity.keys]
    fixed = '''{public_pem("ec")}'''
    [instances.fixed.workstreams.signed]
    mode = "persistent"
    queue = "queue"
    customer_identity = "signed"
    [instances.without.workstreams.open]
    mode = "persistent"
    queue = "queue"
    """


@pytest.fixture(scope="module")
def keys() -> Iterator[PublishedKeys]:
    with PublishedKeys().served() as keys:
        yield keys


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, keys: PublishedKeys) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("shop"), configuration(keys)) as api:
        yield api


def start(
    api: Api, workstream: str, customer: str | None = None, token: str | None = None, **members: Any
) -> httpx.Response:
    body: dict[str, Any] = {**valid_body("StartChatContact", NOBODY), "ContactFlowId": workstream, **members}
    if customer is not None:
        body["CustomerId"] = customer
    if token is not None:
        body["Attributes"] = {**body.get("Attributes", {}), CUSTOMER_TOKEN: token}
    return api.send("StartChatContact", body)


def started(response: httpx.Response) -> Chat:
    body = response.raise_for_status().json()
    return Chat(body["ContactId"], body["ParticipantId"], body["ParticipantToken"], "")


def proven(customer: str) -> str:
    return signed(claims(customer))


def customer_of(api: Api, chat: Chat) -> str | None:
    return api.send("DescribeContact", chat=chat).raise_for_status().json()["Contact"].get("CustomerId")


def attributes(api: Api, chat: Chat) -> dict[str, str]:
    return api.send("GetContactAttributes", chat=chat).raise_for_status().json()["Attributes"]


def test_boto3_passes_a_token_and_it_is_kept_nowhere(shop: Api) -> None:
    token = proven("crm-1")
    chat = shop.stack.connect().start_chat_contact(
        InstanceId="demo",
        ContactFlowId="signed",
        ParticipantDetails={"DisplayName": "Ada"},
        Attributes={"topic": "of-the-bees", CUSTOMER_TOKEN: token},
        InitialMessage={"ContentType": "text/plain", "Content": "hello"},
    )
    contact = Chat(chat["ContactId"], "", "", "")
    assert customer_of(shop, contact) == "crm-1"
    assert attributes(shop, contact) == {"topic": "of-the-bees"}
    kept = [path.read_bytes() for path in shop.stack.folder.rglob("*") if path.is_file()]
    assert any(b"of-the-bees" in content for content in kept)
    for part in (token, token.rpartition(".")[2], CUSTOMER_TOKEN):
        assert not any(part.encode() in content for content in kept)


@pytest.mark.parametrize("customer", ["crm-1", None])
@pytest.mark.parametrize("workstream", ["signed", "open"])
def test_token_names_the_customer(shop: Api, workstream: str, customer: str | None) -> None:
    assert customer_of(shop, started(start(shop, workstream, customer, proven("crm-1")))) == "crm-1"


def test_configured_keys_and_no_audience(shop: Api) -> None:
    token = signed(claims("crm-1", aud=...), "ec", kid="fixed")
    assert start(shop, "signed", token=token, InstanceId="fixed").is_success
    assert_refused(start(shop, "signed", token=proven("crm-1"), InstanceId="fixed"), *DENIED, MEMBER)


@pytest.mark.parametrize("customer", ["crm-1", None])
def test_customer_without_a_token_is_refused(shop: Api, customer: str | None) -> None:
    needed = f"{MEMBER}is needed, because the workstream 'signed' knows its customers by signed tokens."
    assert_refused(start(shop, "signed", customer), *DENIED, needed)
    assert start(shop, "open", customer).is_success


@pytest.mark.parametrize("workstream", ["signed", "open"])
@pytest.mark.parametrize("customer", ["crm-2", "CRM-1", "crm-1 "])
def test_token_of_another_customer_is_refused(shop: Api, workstream: str, customer: str) -> None:
    assert_refused(
        start(shop, workstream, customer, proven("crm-1")), *DENIED, f"{MEMBER}is a token of another customer."
    )


REFUSED: dict[str, Callable[[], str]] = {
    "expired": lambda: signed(claims("crm-1", exp=int(time.time()) - 1)),
    "no end": lambda: signed(claims("crm-1", exp=...)),
    "not valid yet": lambda: signed(claims("crm-1", nbf=int(time.time()) + 120)),
    "another issuer": lambda: signed(claims("crm-1", iss="https://evil.example.org")),
    "another audience": lambda: signed(claims("crm-1", aud="another")),
    "another key": lambda: signed(claims("crm-1"), "another rsa", kid="rsa"),
    "unknown kid": lambda: signed(claims("crm-1"), kid="unknown"),
    "HMAC with the public key": with_public_key_as_secret,
    "no algorithm": lambda: without_signature("none"),
    "no subject": lambda: signed(claims(sub=...)),
    "empty subject": lambda: signed(claims("")),
    "long subject": lambda: signed(claims("c" * 129)),
    "subject that cannot be stored": lambda: signed(claims("crm\x00")),
    "half of a character as subject": lambda: signed(claims("crm\ud800")),
    "nonsense": lambda: "nonsense",
    "empty": lambda: "",
}


@pytest.mark.parametrize("workstream", ["signed", "open"])
@pytest.mark.parametrize("what", REFUSED)
def test_token_that_is_not_valid_is_refused_everywhere(shop: Api, what: str, workstream: str) -> None:
    assert_refused(start(shop, workstream, token=REFUSED[what]()), *DENIED, MEMBER)
    body = {"instance": "demo", "workstream": workstream, "customer_token": REFUSED[what]()}
    assert_refused(shop.send("Reconnect", body), *DENIED, "customer_token: ")


def test_token_that_nobody_can_verify_is_refused(shop: Api) -> None:
    refused = start(shop, "open", token=proven("crm-1"), InstanceId="without")
    assert_refused(refused, *DENIED, f"{MEMBER}cannot be verified, because the instance has no customer_identity.")


def test_wrong_tokens_of_customers_do_not_lock_out_the_backend(tmp_path: Path, keys: PublishedKeys) -> None:
    limits = '{"failed_authentications": 3, "starts": "off"}'
    with served(tmp_path, configuration(keys), PERENNIAL_LIMITS=limits) as shop:
        for _ in range(6):
            assert_refused(start(shop, "signed", token="nonsense"), *DENIED, f"{MEMBER}is not valid.")
        assert start(shop, "signed", token=proven("crm-1")).is_success


def test_attribute_of_the_token_cannot_be_stored_later(shop: Api) -> None:
    chat = started(start(shop, "open"))
    body = {"InstanceId": "demo", "InitialContactId": chat.contact_id, "Attributes": {CUSTOMER_TOKEN: "x"}}
    refused = shop.send("UpdateContactAttributes", body)
    assert_refused(refused, 400, "InvalidParameterException", f"{CUSTOMER_TOKEN} is for StartChatContact alone")
    assert attributes(shop, chat) == {}


def test_repeat_with_a_newer_token_is_the_same_request(shop: Api) -> None:
    client_token: dict[str, Any] = {"ClientToken": f"{uuid4()}", "Attributes": {"topic": "bees"}}
    first = start(shop, "signed", token=signed(claims("crm-1")), **client_token)
    later = signed(claims("crm-1", exp=int(time.time()) + 60), "ec")
    for customer in ("crm-1", None):
        assert started(start(shop, "signed", customer, later, **client_token)).contact_id == started(first).contact_id
    another = start(shop, "signed", token=proven("crm-2"), **client_token)
    assert_refused(another, 409, "IdempotencyException", "ClientToken")
    assert_refused(start(shop, "signed", "crm-1", **client_token), *DENIED, "is needed")


def test_open_chat_of_a_customer_needs_a_token(shop: Api) -> None:
    first = started(start(shop, "signed-too", token=proven("crm-9")))
    assert started(start(shop, "signed-too", "crm-9", proven("crm-9"))).contact_id == first.contact_id
    assert_refused(start(shop, "signed-too", "crm-9"), *DENIED, "is needed")


def given(chat: Chat, way: str) -> dict[str, Any]:
    if way == "RelatedContactId":
        return {way: chat.contact_id}
    return {"PersistentChat": {"SourceContactId": chat.contact_id, "RehydrationType": way}}


def associated(api: Api, chat: Chat, source: Chat) -> httpx.Response:
    body = {"SourceContactId": source.contact_id, "RehydrationType": "FROM_SEGMENT"}
    return api.send("CreatePersistentContactAssociation", body, chat=chat)


@pytest.fixture(scope="module")
def past(shop: Api) -> Chat:
    """An ended chat of the customer `crm-1`, who is known by a token."""
    chat = started(start(shop, "signed", token=proven("crm-1"), Attributes={"account": "secret"}))
    shop.end(chat)
    return chat


@pytest.mark.parametrize("way", WAYS)
def test_past_of_a_signed_customer_stays_with_signed_customers(shop: Api, past: Chat, way: str) -> None:
    for workstream in ("signed", "open"):
        own = started(start(shop, workstream, token=proven("crm-1"), **given(past, way)))
        assert attributes(shop, own) == {"account": "secret"}
        shop.end(own)
        for source in (past, own):
            for where, customer, token in (
                ("signed", None, proven("crm-2")),
                ("open", "crm-1", None),
                ("open", None, proven("crm-2")),
                ("open", None, None),
            ):
                refused = start(shop, where, customer, token, **given(source, way))
                assert_refused(refused, *NOT_FOUND, f"there is no contact '{source.contact_id}' that can be continued.")


def test_past_of_a_signed_customer_is_associated_with_signed_chats_alone(shop: Api, past: Chat) -> None:
    for workstream in ("signed", "open"):
        assert associated(shop, started(start(shop, workstream, token=proven("crm-1"))), past).is_success
    for workstream, customer, token in (("signed", None, proven("crm-2")), ("open", "crm-1", None)):
        chat = started(start(shop, workstream, customer, token))
        assert_refused(associated(shop, chat, past), *NOT_FOUND, "can be continued")
        assert attributes(shop, chat) == {}


def test_signed_customer_continues_what_was_said_elsewhere(shop: Api) -> None:
    earlier = started(start(shop, "open", "crm-1", Attributes={"account": "open"}))
    shop.end(earlier)
    for way in WAYS:
        own = started(start(shop, "signed", token=proven("crm-1"), **given(earlier, way)))
        assert attributes(shop, own) == {"account": "open"}
        assert_refused(start(shop, "signed", token=proven("crm-2"), **given(earlier, way)), *NOT_FOUND)


def test_setting_that_shares_pasts_shares_no_past_of_signed_customers(tmp_path: Path, keys: PublishedKeys) -> None:
    with served(tmp_path, configuration(keys), PERENNIAL_SAME_CUSTOMER="false") as shop:
        chats = [started(start(shop, "signed", token=proven("crm-1"))), started(start(shop, "open", "crm-1"))]
        for chat in chats:
            shop.end(chat)
        for chat, expected in zip(chats, (404, 200), strict=True):
            assert start(shop, "signed", token=proven("crm-2"), **given(chat, "FROM_SEGMENT")).status_code == expected
            assert start(shop, "open", "crm-2", **given(chat, "FROM_SEGMENT")).status_code == expected


def returning(api: Api, workstream: str, **members: str) -> httpx.Response:
    return api.send("Reconnect", {"instance": "demo", "workstream": workstream, **members})


def test_returning_customer_needs_a_token(shop: Api) -> None:
    chat = started(start(shop, "signed", token=proven("crm-5")))
    assert_refused(returning(shop, "signed", customer_id="crm-5"), *DENIED, "customer_token: is needed")
    stranger = returning(shop, "signed", customer_id="crm-5", customer_token=proven("crm-6"))
    assert_refused(stranger, *DENIED, "customer_token: is a token of another customer.")
    assert returning(shop, "signed", customer_token=proven("crm-6")).json() == {
        "chat": None,
        "reason": "unknown",
        "redirect_url": None,
    }
    for named in ({}, {"customer_id": "crm-5"}):
        found = returning(shop, "signed", customer_token=proven("crm-5"), **named).raise_for_status().json()
        assert found["chat"]["ContactId"] == chat.contact_id


def test_link_to_the_chat_of_a_signed_customer_needs_a_token(shop: Api) -> None:
    chat = started(start(shop, "signed", token=proven("crm-7")))
    link = create_link(shop, chat)
    assert_refused(by_link(shop, link), *DENIED, "customer_token: is needed")
    assert_refused(by_link(shop, link, customer_token=proven("crm-8")), *DENIED, "another customer")
    assert_refused(by_link(shop, link, customer_token="nonsense"), *DENIED, "is not valid")
    found = by_link(shop, link, customer_token=proven("crm-7")).raise_for_status().json()
    assert found["chat"]["ContactId"] == chat.contact_id


@pytest.mark.parametrize("change", ["without the key", "deleted"])
def test_chats_of_a_signed_customer_stay_so_when_the_workstream_changes(
    tmp_path: Path, keys: PublishedKeys, change: str
) -> None:
    with served(tmp_path, configuration(keys)) as shop:
        past = started(start(shop, "signed", token=proven("crm-1")))
        link, end = create_link(shop, past), started(start(shop, "signed", token=proven("crm-1")))
        shop.end(end)
        table, headers = "/v1/instances/demo/workstreams/signed", {"authorization": f"Bearer {SECRET}"}
        if change == "deleted":
            shop.http.delete(table, headers=headers).raise_for_status()
            assert by_link(shop, link).raise_for_status().json()["reason"] == "unknown"
        else:
            without: dict[str, Any] = {"mode": "persistent", "queue": "queue", "reconnection": {}}
            shop.http.put(table, headers=headers, json=without).raise_for_status()
            assert_refused(by_link(shop, link), *DENIED, "customer_token: is needed")
            assert returning(shop, "signed", customer_id="crm-1").json()["chat"] is None
            assert start(shop, "signed", "crm-1").is_success
        for way in WAYS:
            assert_refused(start(shop, "open", "crm-1", **given(end, way)), *NOT_FOUND)
            assert start(shop, "open", token=proven("crm-1"), **given(end, way)).is_success


def test_open_chat_and_repeats_of_a_signed_customer_need_a_token_where_others_need_none(shop: Api) -> None:
    client_token = {"ClientToken": f"{uuid4()}"}
    signed_chat = started(start(shop, "open", token=proven("crm-11"), **client_token))
    assert started(start(shop, "open", "crm-11", **client_token)).contact_id != signed_chat.contact_id
    first = started(start(shop, "open-once", token=proven("crm-12")))
    assert started(start(shop, "open-once", token=proven("crm-12"))).contact_id == first.contact_id
    assert_refused(start(shop, "open-once", "crm-12"), *DENIED, f"{MEMBER}is needed, because a signed token")
    assert returning(shop, "open-once", customer_id="crm-12").json()["chat"] is None


def test_token_is_not_needed_elsewhere_and_verified_all_the_same(shop: Api) -> None:
    chat = started(start(shop, "open", "crm-7"))
    link = create_link(shop, chat)
    for answer in (
        by_link(shop, link),
        by_link(shop, link, customer_token=proven("crm-7")),
        returning(shop, "open", customer_id="crm-7"),
        returning(shop, "open", customer_token=proven("crm-7")),
    ):
        assert answer.raise_for_status().json()["chat"]["ContactId"] == chat.contact_id
    assert_refused(by_link(shop, link, customer_token=proven("crm-8")), *DENIED, "another customer")


def by_link(api: Api, link: str, **members: str) -> httpx.Response:
    return api.send("Reconnect", {"instance": "demo", "reconnect_id": link, **members})


@pytest.mark.parametrize("members", [{"customer_token": "x"}, {"customer_token": "x", "customer_id": "crm-1"}])
def test_token_without_a_workstream_is_malformed(shop: Api, members: dict[str, str]) -> None:
    refused = shop.send("Reconnect", {"instance": "demo", **members})
    assert_refused(refused, 400, "InvalidRequestException", "workstream: is missing")


def test_keys_that_were_never_read_are_no_fault_of_the_customer(tmp_path: Path) -> None:
    keys = PublishedKeys()
    with keys.served():
        pass
    with served(tmp_path, configuration(keys)) as shop:
        unavailable = start(shop, "signed", token=proven("crm-1"))
        assert_refused(unavailable, 503, "InternalServiceException", "cannot be read at the moment")
        assert int(unavailable.headers["retry-after"]) >= 1
