"""Persistent chat: a new chat continues an ended one and includes its whole past."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.compat.chat_client import ChatClient, describe, expect_error, start_chat
from tests.stack import Stack


def test_ended_chat_can_be_continued_immediately(stack: Stack) -> None:
    first = start_chat(stack, Attributes={"topic": "bees", "level": "1"}).send("one").end()
    second = start_chat(stack, first.id, Attributes={"level": "2"})
    assert second.response["ContinuedFromContactId"] == first.id
    contact = describe(stack, second.id)
    assert (contact["RelatedContactId"], contact["ContactAssociationId"]) == (first.id, first.id)
    assert contact["Attributes"] == {"topic": "bees", "level": "2"}
    second.send("two")
    assert second.message_texts() == ["two", "one"]
    present, past = second.pages()
    assert all(item["ContactId"] == second.id and "RelatedContactId" not in item for item in present)
    assert all(item["RelatedContactId"] == first.id and "ContactId" not in item for item in past)


def test_empty_first_page_has_a_token_to_the_past(stack: Stack) -> None:
    first = start_chat(stack).send("one").end()
    second = start_chat(stack, first.id)
    assert second.pages(1)[0] == []
    assert second.message_texts(1) == ["one"]


def test_from_segment_excludes_later_contacts(stack: Stack) -> None:
    chat = start_chat(stack).send("to a1").assign("a1")
    second = chat.transfer(chat.id, UserId="a2")
    chat.send("to a2")
    third = chat.transfer(second, UserId="a1")
    chat.send("to a1 again").end()
    assert start_chat(stack, third).message_texts() == ["to a1 again", "to a2", "to a1"]
    middle = start_chat(stack, second)
    assert (middle.response["ContinuedFromContactId"], middle.message_texts()) == (second, ["to a2", "to a1"])
    assert start_chat(stack, chat.id).message_texts() == ["to a1"]
    whole = start_chat(stack, chat.id, "ENTIRE_PAST_SESSION")
    assert (whole.response["ContinuedFromContactId"], whole.message_texts()) == (
        third,
        ["to a1 again", "to a2", "to a1"],
    )


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_each_continuation_includes_all_earlier_chats(stack: Stack, size: int) -> None:
    chat, expected = start_chat(stack).send("1a", "1b").end(), ["1b", "1a"]
    for number in range(2, 6):
        chat = start_chat(stack, chat.id, "ENTIRE_PAST_SESSION").send(f"{number}a", f"{number}b")
        expected = [f"{number}b", f"{number}a", *expected]
        assert chat.message_texts(size) == expected
        chat.end()
    ids = [item["Id"] for page in chat.pages(size) for item in page]
    assert len(ids) == len(set(ids))


def test_chat_of_known_customer_is_continued_only_by_that_customer(stack: Stack) -> None:
    first = start_chat(stack, CustomerId="ada").send("private").end()
    for other in ({}, {"CustomerId": "eve"}):
        message = expect_error("ResourceNotFoundException", start_chat, stack=stack, source=first.id, **other)
        assert "PersistentChat.SourceContactId: " in message
    assert start_chat(stack, first.id, CustomerId="ada").message_texts() == ["private"]


def test_invalid_continuations_are_refused(stack: Stack) -> None:
    running = start_chat(stack).assign("a1")
    second = running.transfer(running.id, UserId="a2")
    assert "has not ended" in expect_error("InvalidRequestException", start_chat, stack=stack, source=running.id)
    assert "has not ended" in expect_error("InvalidRequestException", start_chat, stack=stack, source=second)
    assert "no contact" in expect_error("ResourceNotFoundException", start_chat, stack=stack, source=str(uuid4()))
    running.end()
    message = expect_error(
        "InvalidParameterException", start_chat, stack=stack, source=second, kind="ENTIRE_PAST_SESSION"
    )
    assert "first contact" in message
    both = {
        "PersistentChat": {"SourceContactId": second, "RehydrationType": "FROM_SEGMENT"},
        "RelatedContactId": second,
    }
    assert "both" in expect_error("InvalidRequestException", start_chat, stack=stack, **both)
    for incomplete in ({"SourceContactId": second}, {"RehydrationType": "FROM_SEGMENT"}):
        expect_error("InvalidRequestException", start_chat, stack=stack, PersistentChat=incomplete)
    expect_error("InvalidParameterException", start_chat, stack=stack, source=second, kind="SOMETIMES")


def test_continuation_is_idempotent_per_client_token(stack: Stack) -> None:
    first = start_chat(stack).send("one").end()
    once = start_chat(stack, first.id, ClientToken=f"t-{first.id}")
    again = start_chat(stack, first.id, ClientToken=f"t-{first.id}")
    other = start_chat(stack, first.id)
    assert once.id == again.id != other.id
    assert once.response["ContinuedFromContactId"] == again.response["ContinuedFromContactId"] == first.id
    assert once.message_texts() == other.message_texts() == ["one"]


def test_concurrent_continuations_all_succeed(stack: Stack) -> None:
    first = start_chat(stack, Attributes={"topic": "bees"}).send("one").end()
    tokens = [f"same-{first.id}"] * 5 + [f"{number}-{first.id}" for number in range(5)]

    def continue_chat(token: str) -> ChatClient:
        return start_chat(stack, first.id, ClientToken=token)

    with ThreadPoolExecutor(len(tokens)) as pool:
        chats = list(pool.map(continue_chat, tokens))
    assert len({chat.id for chat in chats[:5]}) == 1
    assert len({chat.id for chat in chats}) == 6
    for chat in chats[4:]:
        assert chat.response["ContinuedFromContactId"] == first.id
        contact = describe(stack, chat.id)
        assert (contact["RelatedContactId"], contact["Attributes"]) == (first.id, {"topic": "bees"})
        assert chat.message_texts() == ["one"]


def test_running_chat_accepts_only_one_association(stack: Stack) -> None:
    first, other = start_chat(stack, Attributes={"a": "1", "b": "1"}).send("one").end(), start_chat(stack).end()
    chat = start_chat(stack, Attributes={"b": "2"}).send("two")
    associate = stack.connect().create_persistent_contact_association
    members = {"InstanceId": "demo", "InitialContactId": chat.id, "RehydrationType": "FROM_SEGMENT"}
    itself = expect_error("InvalidRequestException", associate, SourceContactId=chat.id, **members)
    assert itself == "SourceContactId: a chat cannot continue itself."
    for _ in range(2):
        assert associate(SourceContactId=first.id, **members)["ContinuedFromContactId"] == first.id
    assert "already" in expect_error("InvalidRequestException", associate, SourceContactId=other.id, **members)
    contact = describe(stack, chat.id)
    assert (contact["RelatedContactId"], contact["Attributes"]) == (first.id, {"a": "1", "b": "2"})
    assert chat.message_texts() == ["two", "one"]
    continued = {**members, "InitialContactId": start_chat(stack, first.id).id}
    assert "already" in expect_error("InvalidRequestException", associate, SourceContactId=other.id, **continued)
    unknown = {**members, "InitialContactId": "nothing"}
    assert "InitialContactId" in expect_error(
        "ResourceNotFoundException", associate, SourceContactId=first.id, **unknown
    )


def test_transcript_filters_exclude_the_past(stack: Stack) -> None:
    first = start_chat(stack).send("one").end()
    chat = start_chat(stack, first.id).send("two")
    get_transcript, token = stack.participant().get_transcript, chat.token
    page = get_transcript(ConnectionToken=token)
    past = {"ConnectionToken": token, "NextToken": page["NextToken"]}
    assert "ContactId" in expect_error("ValidationException", get_transcript, ContactId=chat.id, **past)
    assert "StartPosition" in expect_error(
        "ValidationException", get_transcript, StartPosition={"MostRecent": 1}, **past
    )
    assert "ScanDirection" in expect_error("ValidationException", get_transcript, ScanDirection="FORWARD", **past)
    assert "NextToken" in expect_error(
        "ValidationException", get_transcript, ConnectionToken=token, NextToken=page["NextToken"] + "x"
    )
    assert "NextToken" in expect_error(
        "ValidationException", get_transcript, ConnectionToken=start_chat(stack).token, NextToken=page["NextToken"]
    )
    assert "ContactId" in expect_error("ValidationException", get_transcript, ConnectionToken=token, ContactId=first.id)
    filtered = get_transcript(ConnectionToken=token, ContactId=chat.id)
    assert "NextToken" not in filtered
    oldest = get_transcript(
        ConnectionToken=token, ScanDirection="BACKWARD", StartPosition={"Id": page["Transcript"][0]["Id"]}
    )
    assert "NextToken" not in oldest
    ascending = get_transcript(ScanDirection="BACKWARD", SortOrder="ASCENDING", **past)["Transcript"]
    assert [item["AbsoluteTime"] for item in ascending] == sorted(item["AbsoluteTime"] for item in ascending)
