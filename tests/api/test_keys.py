"""A key limited to one tenant gives no access to another, with any operation and authentication."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.api.calls import CONTROL_OPERATIONS, ROUTES, Api, assert_refused, valid_body, with_member
from tests.compat.chats import Chat

ALL, ONE, HASHED = "secret-of-the-key-all", "secret-of-the-key-one", "secret-of-the-key-hashed"
DENIED = (403, "AccessDeniedException")
NOT_FOUND = (404, "ResourceNotFoundException")
ARN = "arn%3Aaws%3Aconnect%3Ax%3A1%3Ainstance%2F"


def start_chat(tenants: Api, instance: str, secret: str = ALL, client_token: str = "") -> dict[str, Any]:
    body = {
        "InstanceId": instance,
        "ContactFlowId": "persistent",
        "ParticipantDetails": {"DisplayName": "Ada"},
        "ClientToken": client_token,
    }
    started = tenants.send("StartChatContact", body, token=secret)
    assert started.status_code == 200, started.text
    return started.json()


def send(tenants: Api, operation: str, instance: str, contact_id: str, secret: str, *, in_path: str = "") -> Any:
    chat = Chat(contact_id, "", "", "")
    ids = {"InstanceId": in_path or instance, "QueueId": "queue"}
    if ROUTES[operation][0] in ("GET", "DELETE"):
        return tenants.send(operation, chat=chat, token=secret, path=ids)
    body = valid_body(operation, chat)
    body |= {name: instance for name in ("InstanceId", "instance") if name in body}
    return tenants.send(operation, body, chat=chat, token=secret, path=ids)


EXPECTED_STATUS = {
    **dict.fromkeys(("TransferContact", "CreatePersistentContactAssociation", "GetCurrentMetricData"), 404),
    **dict.fromkeys(("StartContactStreaming", "StopContactStreaming", "MonitorContact"), 404),
}
"""Status of a request whose key was accepted. 404: the tenants lack the queue, the topic and the supervisor, and neither the
source contact nor the stream exists."""


ABOUT_NO_CONTACT = {
    *("StartChatContact", "SignIn", "SearchContacts", "Reconnect", "PutUserStatus", "ListAgentStatuses"),
    *("DescribeUser", "ListUsers", "SearchUsers", "ListQueues", "DescribeQueue", "SearchQueues"),
    *("GetCurrentMetricData", "GetCurrentUserData", "ListContactFlows", "DescribeContactFlow", "DescribeInstance"),
}
"""Operations whose request names no contact."""


@pytest.mark.parametrize("operation", [name for name in CONTROL_OPERATIONS if name != "ListInstances"])
def test_limited_key_reaches_its_own_tenant_only(tenants: Api, operation: str) -> None:
    contacts = {name: start_chat(tenants, name)["ContactId"] for name in ("one", "two")}
    assert send(tenants, operation, "one", contacts["one"], ONE).status_code == EXPECTED_STATUS.get(operation, 200)
    for instance, in_path in (("two", ""), ("arn:aws:connect:x:1:instance/two", f"{ARN}two")):
        refused = send(tenants, operation, instance, contacts["two"], ONE, in_path=in_path)
        assert_refused(refused, *NOT_FOUND, "there is no instance 'two' for this access key.")
        unknown = send(
            tenants, operation, instance.replace("two", "x"), contacts["two"], ONE, in_path=in_path.replace("two", "x")
        )
        assert unknown.json() == {**refused.json(), "Message": refused.json()["Message"].replace("'two'", "'x'")}
    # the own instance gives no access to contacts of another tenant
    if operation not in ABOUT_NO_CONTACT:
        response = send(tenants, operation, "one", contacts["two"], ONE)
        assert response.status_code == (410 if operation == "StopContact" else 404)
    assert send(tenants, operation, "two", contacts["two"], ALL).status_code == EXPECTED_STATUS.get(operation, 200)


def test_search_returns_contacts_of_one_tenant_only(tenants: Api) -> None:
    started = {name: start_chat(tenants, name)["ContactId"] for name in ("one", "two")}
    for instance, secret in (("one", ONE), ("one", ALL), ("two", ALL)):
        body = with_member(valid_body("SearchContacts", Chat("", "", "", "")), "SearchCriteria", {}) | {
            "InstanceId": instance
        }
        found = tenants.send("SearchContacts", body, token=secret).json()["Contacts"]
        assert {contact["Id"] for contact in found} & {*started.values()} == {started[instance]}


def test_signature_of_limited_key_reaches_its_own_tenant_only(tenants: Api) -> None:
    chats = {name: start_chat(tenants, name) for name in ("one", "two")}
    client = tenants.stack.connect(aws_access_key_id="one", aws_secret_access_key=ONE)
    assert client.describe_contact(InstanceId="one", ContactId=chats["one"]["ContactId"])["Contact"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.describe_contact(InstanceId="two", ContactId=chats["two"]["ContactId"])
    wrong_secret = tenants.stack.connect(aws_access_key_id="one", aws_secret_access_key=ALL)
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        wrong_secret.describe_contact(InstanceId="one", ContactId=chats["one"]["ContactId"])


def test_key_that_is_stored_as_a_hash_is_a_bearer_key_only(tenants: Api) -> None:
    chat = start_chat(tenants, "one", HASHED)
    for secret in (HASHED, sha256(HASHED.encode()).hexdigest(), "-"):
        client = tenants.stack.connect(aws_access_key_id="hashed", aws_secret_access_key=secret)
        with pytest.raises(ClientError, match="InvalidSignatureException"):
            client.describe_contact(InstanceId="one", ContactId=chat["ContactId"])
    digest = {"authorization": f"Bearer {sha256(HASHED.encode()).hexdigest()}"}
    assert_refused(tenants.http.get(f"/contacts/one/{chat['ContactId']}", headers=digest), *DENIED)


def test_demo_key_is_denied_unless_configured(tenants: Api) -> None:
    for secret in ("perennial-demo-secret", "perennial", ""):
        refused = tenants.http.get("/contacts/one/x", headers={"authorization": f"Bearer {secret}".strip()})
        assert_refused(refused, *DENIED)


def test_client_token_is_scoped_to_its_instance(tenants: Api) -> None:
    token = str(uuid4())
    first, again, other = (start_chat(tenants, name, client_token=token)["ContactId"] for name in ("one", "one", "two"))
    assert first == again != other


def test_related_contact_of_another_tenant_is_not_found(tenants: Api) -> None:
    other = start_chat(tenants, "two")["ContactId"]
    body = {**valid_body("StartChatContact", Chat("", "", "", "")), "InstanceId": "one", "RelatedContactId": other}
    refused = tenants.send("StartChatContact", body, token=ALL)
    assert_refused(refused, 404, "ResourceNotFoundException", "RelatedContactId")


def test_source_contact_of_another_tenant_is_not_found(tenants: Api) -> None:
    other = start_chat(tenants, "two")["ContactId"]
    tenants.send("StopContact", {"InstanceId": "two", "ContactId": other}, token=ALL).raise_for_status()
    past = {"SourceContactId": other, "RehydrationType": "FROM_SEGMENT"}
    body = {**valid_body("StartChatContact", Chat("", "", "", "")), "InstanceId": "one", "PersistentChat": past}
    refused = tenants.send("StartChatContact", body, token=ALL)
    assert_refused(refused, 404, "ResourceNotFoundException", "SourceContactId")


def test_agents_with_same_id_in_two_tenants_are_separate(tenants: Api) -> None:
    contact_id = start_chat(tenants, "two")["ContactId"]
    assert send(tenants, "AssociateContactWithUser", "two", contact_id, ALL).status_code == 200
    listed = {}
    for instance in ("one", "two"):
        agent = send(tenants, "SignIn", instance, "", ALL).json()
        assert agent["name"] == f"Agent of {instance.title()}"
        headers = {"authorization": f"Bearer {agent['token']}"}
        contacts = tenants.http.get("/v1/agent/contacts", headers=headers).json()["contacts"]
        listed[instance] = contact_id in [contact["contact_id"] for contact in contacts]
        joined = tenants.http.post(f"/v1/agent/contacts/{contact_id}/session", headers=headers)
        assert joined.status_code == (200 if instance == "two" else 404)
    assert listed == {"one": False, "two": True}
