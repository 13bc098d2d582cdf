"""A key that is for one tenant opens nothing of another, by whatever operation and proof."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.api.calls import CONTROL, Api, assert_refused, changed, valid
from tests.compat.chats import Chat

ALL, ONE = "secret-of-the-key-all", "secret-of-the-key-one"
DENIED = (403, "AccessDeniedException")
ARN = "arn%3Aaws%3Aconnect%3Ax%3A1%3Ainstance%2F"


def start(two: Api, instance: str, secret: str = ALL, client_token: str = "") -> dict[str, Any]:
    body = {
        "InstanceId": instance,
        "ContactFlowId": "persistent",
        "ParticipantDetails": {"DisplayName": "Ada"},
        "ClientToken": client_token,
    }
    started = two.send("StartChatContact", body, token=secret)
    assert started.status_code == 200, started.text
    return started.json()


def send(two: Api, operation: str, instance: str, contact_id: str, secret: str, *, in_path: str = "") -> Any:
    chat = Chat(contact_id, "", "", "")
    ids = {"InstanceId": in_path or instance}
    if operation in ("DescribeContact", "GetContactAttributes"):
        return two.send(operation, chat=chat, token=secret, path=ids)
    body = valid(operation, chat)
    body |= {name: instance for name in ("InstanceId", "instance") if name in body}
    return two.send(operation, body, chat=chat, token=secret, path=ids)


TAKEN = {"TransferContact": 404, "CreatePersistentContactAssociation": 404}
"""What says that a request passed with its key: these tenants have no such queue, and the past that is named is none."""


@pytest.mark.parametrize("operation", CONTROL)
def test_limited_key(two: Api, operation: str) -> None:
    contacts = {name: start(two, name)["ContactId"] for name in ("one", "two")}
    assert send(two, operation, "one", contacts["one"], ONE).status_code == TAKEN.get(operation, 200)
    for instance, in_path in (("two", ""), ("arn:aws:connect:x:1:instance/two", f"{ARN}two")):
        refused = send(two, operation, instance, contacts["two"], ONE, in_path=in_path)
        assert_refused(refused, *DENIED, "not for instance 'two'")
    # and what is another tenant's cannot be reached through one's own
    if operation not in ("StartChatContact", "SignIn", "SearchContacts", "Reconnect", "PutUserStatus"):
        through = send(two, operation, "one", contacts["two"], ONE)
        assert through.status_code == (410 if operation == "StopContact" else 404)
    assert send(two, operation, "two", contacts["two"], ALL).status_code == TAKEN.get(operation, 200)


def test_search_finds_contacts_of_its_own_tenant_only(two: Api) -> None:
    started = {name: start(two, name)["ContactId"] for name in ("one", "two")}
    for instance, secret in (("one", ONE), ("one", ALL), ("two", ALL)):
        body = changed(valid("SearchContacts", Chat("", "", "", "")), "SearchCriteria", {}) | {"InstanceId": instance}
        found = two.send("SearchContacts", body, token=secret).json()["Contacts"]
        assert {contact["Id"] for contact in found} & {*started.values()} == {started[instance]}


def test_limited_key_with_a_signature(two: Api) -> None:
    chats = {name: start(two, name) for name in ("one", "two")}
    client = two.stack.connect(aws_access_key_id="one", aws_secret_access_key=ONE)
    assert client.describe_contact(InstanceId="one", ContactId=chats["one"]["ContactId"])["Contact"]
    with pytest.raises(ClientError, match="AccessDeniedException"):
        client.describe_contact(InstanceId="two", ContactId=chats["two"]["ContactId"])
    mixed = two.stack.connect(aws_access_key_id="one", aws_secret_access_key=ALL)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        mixed.describe_contact(InstanceId="one", ContactId=chats["one"]["ContactId"])


def test_demo_key_is_good_for_nothing_where_it_is_not_configured(two: Api) -> None:
    for secret in ("perennial-demo-secret", "perennial", ""):
        refused = two.http.get("/contacts/one/x", headers={"authorization": f"Bearer {secret}".strip()})
        assert_refused(refused, *DENIED)


def test_client_token_counts_within_its_instance(two: Api) -> None:
    token = str(uuid4())
    first, again, other = (start(two, name, client_token=token)["ContactId"] for name in ("one", "one", "two"))
    assert first == again != other


def test_related_contact_of_another_tenant_is_unknown(two: Api) -> None:
    other = start(two, "two")["ContactId"]
    body = {**valid("StartChatContact", Chat("", "", "", "")), "InstanceId": "one", "RelatedContactId": other}
    refused = two.send("StartChatContact", body, token=ALL)
    assert_refused(refused, 404, "ResourceNotFoundException", "RelatedContactId")


def test_a_past_of_another_tenant_is_unknown(two: Api) -> None:
    other = start(two, "two")["ContactId"]
    two.send("StopContact", {"InstanceId": "two", "ContactId": other}, token=ALL).raise_for_status()
    past = {"SourceContactId": other, "RehydrationType": "FROM_SEGMENT"}
    body = {**valid("StartChatContact", Chat("", "", "", "")), "InstanceId": "one", "PersistentChat": past}
    refused = two.send("StartChatContact", body, token=ALL)
    assert_refused(refused, 404, "ResourceNotFoundException", "SourceContactId")


def test_agents_of_one_name_are_two_people(two: Api) -> None:
    contact_id = start(two, "two")["ContactId"]
    assert send(two, "AssociateContactWithUser", "two", contact_id, ALL).status_code == 200
    seen = {}
    for instance in ("one", "two"):
        desk = send(two, "SignIn", instance, "", ALL).json()
        assert desk["name"] == f"Agent of {instance.title()}"
        headers = {"authorization": f"Bearer {desk['token']}"}
        contacts = two.http.get("/v1/agent/contacts", headers=headers).json()["contacts"]
        seen[instance] = contact_id in [contact["contact_id"] for contact in contacts]
        joined = two.http.post(f"/v1/agent/contacts/{contact_id}/session", headers=headers)
        assert joined.status_code == (200 if instance == "two" else 404)
    assert seen == {"one": False, "two": True}
