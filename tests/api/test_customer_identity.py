"""One customer gets nothing of another one's chats, wherever something of an earlier chat is copied or given."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.calls import Api, assert_refused, valid_body
from tests.compat.chats import Chat

NOT_FOUND = (404, "ResourceNotFoundException")
NOBODY = Chat("", "", "", "")
SECRET = {"account": "of-the-first-customer"}


@pytest.fixture
def first_chat(api: Api) -> Chat:
    """An ended chat of the customer `crm-1` with an attribute."""
    chat = api.start(CustomerId="crm-1", Attributes=SECRET)
    api.end(chat)
    return chat


def start(api: Api, customer: str | None, **members: Any) -> httpx.Response:
    identity = {} if customer is None else {"CustomerId": customer}
    return api.send("StartChatContact", {**valid_body("StartChatContact", NOBODY), **identity, **members})


def attributes(api: Api, chat: Chat) -> dict[str, str]:
    return api.send("GetContactAttributes", chat=chat).raise_for_status().json()["Attributes"]


def given(chat: Chat, way: str) -> dict[str, Any]:
    """The member of StartChatContact that names an earlier chat."""
    if way == "RelatedContactId":
        return {way: chat.contact_id}
    return {"PersistentChat": {"SourceContactId": chat.contact_id, "RehydrationType": way}}


WAYS = ("RelatedContactId", "FROM_SEGMENT", "ENTIRE_PAST_SESSION")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("customer", ["crm-2", "CRM-1", "crm-1 ", None])
def test_nothing_of_another_customers_chat_is_given(api: Api, first_chat: Chat, way: str, customer: str | None) -> None:
    refused = start(api, customer, **given(first_chat, way))
    assert_refused(refused, *NOT_FOUND, f"there is no contact '{first_chat.contact_id}' that can be continued.")
    unknown = Chat(f"{uuid4()}", "", "", "")
    message = start(api, customer, **given(unknown, way)).json()["Message"]
    assert message.replace(unknown.contact_id, first_chat.contact_id) == refused.json()["Message"]


@pytest.mark.parametrize("way", WAYS)
def test_customers_own_chat_is_given(api: Api, first_chat: Chat, way: str) -> None:
    started = start(api, "crm-1", **given(first_chat, way)).raise_for_status().json()
    assert attributes(api, Chat(started["ContactId"], "", "", "")) == SECRET


def test_another_customers_chat_cannot_be_associated(api: Api, first_chat: Chat) -> None:
    chat = api.start(CustomerId="crm-2")
    body = {"SourceContactId": first_chat.contact_id, "RehydrationType": "FROM_SEGMENT"}
    assert_refused(api.send("CreatePersistentContactAssociation", body, chat=chat), *NOT_FOUND, "SourceContactId")
    assert attributes(api, chat) == {}


def test_token_of_another_customers_request_is_refused(api: Api) -> None:
    """People copy samples with a constant in them."""
    token = {"ClientToken": f"constant-{uuid4()}"}
    first = start(api, "crm-1", **token).raise_for_status().json()
    assert start(api, "crm-1", **token).json()["ContactId"] == first["ContactId"]
    for customer in ("crm-2", None):
        assert_refused(start(api, customer, **token), 409, "IdempotencyException", "ClientToken")
