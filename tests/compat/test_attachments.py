"""Attachments through boto3, and with the headers of the iOS client, of agents, and in the past of a later chat."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.api.uploads import SAMPLES
from tests.compat.chat_client import ChatClient, start_chat
from tests.compat.chats import Chat, join_as_agent
from tests.compat.chats import start_chat as start
from tests.stack import SECRET, Stack

IOS_HEADERS = {
    *("Content-Type", "Content-Length", "Content-Disposition", "Content-Encoding", "x-amz-acl"),
    *("x-amz-expected-bucket-owner", "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"),
    *("x-amz-server-side-encryption-context", "x-amz-meta-contact_id", "x-amz-meta-initial_contact_id"),
    *("x-amz-meta-organization_id", "x-amz-meta-account_id"),
}
"""The only headers that the iOS client takes over from `HeadersToInclude`."""


def send_file(participant: Any, token: str, name: str, type: str, content: bytes) -> str:
    """Send a file as the iOS client does. Returns its id."""
    started = participant.start_attachment_upload(
        ConnectionToken=token,
        AttachmentName=name,
        AttachmentSizeInBytes=len(content),
        ContentType=type,
        ClientToken=f"{uuid4()}",
    )
    upload = started["UploadMetadata"]
    headers = {name: value for name, value in upload["HeadersToInclude"].items() if name in IOS_HEADERS}
    assert headers == upload["HeadersToInclude"]
    httpx.put(upload["Url"], content=content, headers=headers).raise_for_status()
    completed = participant.complete_attachment_upload(
        ConnectionToken=token, AttachmentIds=[started["AttachmentId"]], ClientToken=f"{uuid4()}"
    )
    assert completed.keys() == {"ResponseMetadata"}
    return started["AttachmentId"]


def content_of(participant: Any, token: str, id: str) -> bytes:
    """The bytes of a file."""
    file = participant.get_attachment(ConnectionToken=token, AttachmentId=id)
    answer = httpx.get(file["Url"]).raise_for_status()
    assert len(answer.content) == file["AttachmentSizeInBytes"]
    return answer.content


def attachments(participant: Any, chat: Chat) -> list[dict[str, Any]]:
    page = participant.get_transcript(ConnectionToken=chat.token, MaxResults=100, SortOrder="ASCENDING")
    return [item for item in page["Transcript"] if item["Type"] == "ATTACHMENT"]


@pytest.mark.parametrize("extension", SAMPLES)
def test_a_file_of_each_kind_travels(connect: Any, participant: Any, extension: str) -> None:
    chat, (type, content) = start(connect), SAMPLES[extension]
    id = send_file(participant, chat.token, f"Grüße \u2013 10 €.{extension}", type, content)
    [item] = attachments(participant, chat)
    [entry] = item["Attachments"]
    assert entry == {
        "AttachmentId": id,
        "AttachmentName": f"Grüße \u2013 10 €.{extension}",
        "ContentType": type,
        "Status": "APPROVED",
    }
    assert content_of(participant, chat.token, id) == content


def test_agents_of_later_contacts_get_the_file(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start(connect)
    first = join_as_agent(stack, connect, participant, chat)
    id = send_file(participant, chat.token, "bees.txt", *SAMPLES["txt"])
    contact = connect.transfer_contact(InstanceId="demo", ContactId=chat.contact_id, ContactFlowId="live", UserId="a2")[
        "ContactId"
    ]
    second = join_as_agent(stack, connect, participant, Chat(contact, "", "", ""), "a2")
    assert content_of(participant, second.token, id) == SAMPLES["txt"][1]
    assert content_of(participant, first.token, id) == SAMPLES["txt"][1]
    later = send_file(participant, chat.token, "later.txt", *SAMPLES["txt"])
    assert content_of(participant, second.token, later) == SAMPLES["txt"][1]
    with pytest.raises(ClientError, match="no attachment"):
        participant.get_attachment(ConnectionToken=first.token, AttachmentId=later)


def test_a_later_chat_gets_the_files_of_its_past(stack: Stack, participant: Any) -> None:
    source, ids = None, []
    for number in range(3):
        chat = start_chat(stack, source)
        ids.append(send_file(participant, chat.token, f"{number}.txt", *SAMPLES["txt"]))
        chat.end()
        source = chat.id
    chat, stranger = start_chat(stack, source), start_chat(stack)
    items = [item for page in chat.pages(2) for item in page if item["Type"] == "ATTACHMENT"]
    assert [item["Attachments"][0]["AttachmentId"] for item in items] == ids[::-1]
    for id in ids:
        assert content_of(participant, chat.token, id) == SAMPLES["txt"][1]
        with pytest.raises(ClientError, match="no attachment"):
            participant.get_attachment(ConnectionToken=stranger.token, AttachmentId=id)


def test_what_came_after_the_continued_contact_stays_hidden(stack: Stack, participant: Any) -> None:
    chat = start_chat(stack)
    chat.assign("a1")
    before = send_file(participant, chat.token, "before.txt", *SAMPLES["txt"])
    contact = chat.transfer(chat.id, UserId="a2")
    after = send_file(participant, chat.token, "after.txt", *SAMPLES["txt"])
    stack.connect().stop_contact(InstanceId="demo", ContactId=contact)
    later: ChatClient = start_chat(stack, chat.id, "FROM_SEGMENT")
    assert content_of(participant, later.token, before) == SAMPLES["txt"][1]
    with pytest.raises(ClientError, match="no attachment"):
        participant.get_attachment(ConnectionToken=later.token, AttachmentId=after)


def test_files_are_references_of_their_contact(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start(connect)
    join_as_agent(stack, connect, participant, chat)
    id = send_file(participant, chat.token, "bees.txt", *SAMPLES["txt"])
    send_file(participant, chat.token, "bees.txt", *SAMPLES["txt"])
    started = participant.start_attachment_upload(
        ConnectionToken=chat.token,
        AttachmentName="never.txt",
        AttachmentSizeInBytes=1,
        ContentType="text/plain",
        ClientToken="never",
    )
    assert started["AttachmentId"]
    members = {"InstanceId": "demo", "ContactId": chat.contact_id}
    connect.update_contact(**members, References={"order": {"Type": "URL", "Value": "https://shop.example/7"}})
    listed = connect.list_contact_references(**members, ReferenceTypes=["ATTACHMENT", "URL"])["ReferenceSummaryList"]
    files = [each["Attachment"] for each in listed if "Attachment" in each]
    assert [(file["Name"], file["Status"]) for file in files] == [("bees.txt", "APPROVED")] * 2
    assert len(listed) == 3
    [own] = [file for file in files if file["Arn"].endswith(f"/attachment/{id}")]
    content = httpx.get(own["Value"], headers={"authorization": f"Bearer {SECRET}"}).raise_for_status().content
    assert content == SAMPLES["txt"][1]
    assert httpx.get(own["Value"]).status_code == 403
    moved = connect.transfer_contact(**members, ContactFlowId="live", UserId="a2")["ContactId"]
    for contact, count in ((moved, 0), (chat.contact_id, 2)):
        found = connect.list_contact_references(InstanceId="demo", ContactId=contact, ReferenceTypes=["ATTACHMENT"])
        assert len(found["ReferenceSummaryList"]) == count
    assert connect.list_contact_references(**members, ReferenceTypes=["URL"])["ReferenceSummaryList"][0].keys() == {
        "Url"
    }
