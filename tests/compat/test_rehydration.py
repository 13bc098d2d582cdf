"""Persistent chat: an ended chat continued from its source contact, with its whole past behind it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.compat.talks import Talk, describe, refused, start
from tests.stack import Stack


def test_an_ended_chat_is_continued_in_the_same_second(stack: Stack) -> None:
    first = start(stack, Attributes={"topic": "bees", "level": "1"}).say("one").end()
    second = start(stack, first.id, Attributes={"level": "2"})
    assert second.started["ContinuedFromContactId"] == first.id
    contact = describe(stack, second.id)
    assert (contact["RelatedContactId"], contact["ContactAssociationId"]) == (first.id, first.id)
    assert contact["Attributes"] == {"topic": "bees", "level": "2"}
    second.say("two")
    assert second.said() == ["two", "one"]
    present, past = second.pages()
    assert all(item["ContactId"] == second.id and "RelatedContactId" not in item for item in present)
    assert all(item["RelatedContactId"] == first.id and "ContactId" not in item for item in past)


def test_the_first_page_has_a_token_even_without_items(stack: Stack) -> None:
    first = start(stack).say("one").end()
    second = start(stack, first.id)
    assert second.pages(1)[0] == []
    assert second.said(1) == ["one"]


def test_from_a_segment_drops_later_legs(stack: Stack) -> None:
    talk = start(stack).say("to a1").assign("a1")
    second = talk.transfer(talk.id, UserId="a2")
    talk.say("to a2")
    third = talk.transfer(second, UserId="a1")
    talk.say("to a1 again").end()
    assert start(stack, third).said() == ["to a1 again", "to a2", "to a1"]
    middle = start(stack, second)
    assert (middle.started["ContinuedFromContactId"], middle.said()) == (second, ["to a2", "to a1"])
    assert start(stack, talk.id).said() == ["to a1"]
    whole = start(stack, talk.id, "ENTIRE_PAST_SESSION")
    assert (whole.started["ContinuedFromContactId"], whole.said()) == (third, ["to a1 again", "to a2", "to a1"])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_links_are_cumulative(stack: Stack, size: int) -> None:
    talk, expected = start(stack).say("1a", "1b").end(), ["1b", "1a"]
    for number in range(2, 6):
        talk = start(stack, talk.id, "ENTIRE_PAST_SESSION").say(f"{number}a", f"{number}b")
        expected = [f"{number}b", f"{number}a", *expected]
        assert talk.said(size) == expected
        talk.end()
    ids = [item["Id"] for page in talk.pages(size) for item in page]
    assert len(ids) == len(set(ids))


def test_a_known_customer_must_be_the_same(stack: Stack) -> None:
    first = start(stack, CustomerId="ada").say("private").end()
    for other in ({}, {"CustomerId": "eve"}):
        message = refused("ResourceNotFoundException", start, stack=stack, source=first.id, **other)
        assert "SourceContactId" in message
    assert start(stack, first.id, CustomerId="ada").said() == ["private"]


def test_what_cannot_be_continued(stack: Stack) -> None:
    running = start(stack).assign("a1")
    second = running.transfer(running.id, UserId="a2")
    assert "has not ended" in refused("InvalidRequestException", start, stack=stack, source=running.id)
    assert "has not ended" in refused("InvalidRequestException", start, stack=stack, source=second)
    assert "no contact" in refused("ResourceNotFoundException", start, stack=stack, source=str(uuid4()))
    running.end()
    message = refused("InvalidParameterException", start, stack=stack, source=second, kind="ENTIRE_PAST_SESSION")
    assert "first contact" in message
    both = {
        "PersistentChat": {"SourceContactId": second, "RehydrationType": "FROM_SEGMENT"},
        "RelatedContactId": second,
    }
    assert "both" in refused("InvalidRequestException", start, stack=stack, **both)
    for half in ({"SourceContactId": second}, {"RehydrationType": "FROM_SEGMENT"}):
        refused("InvalidRequestException", start, stack=stack, PersistentChat=half)
    refused("InvalidParameterException", start, stack=stack, source=second, kind="SOMETIMES")


def test_one_token_continues_once_and_two_continue_twice(stack: Stack) -> None:
    first = start(stack).say("one").end()
    once = start(stack, first.id, ClientToken=f"t-{first.id}")
    again = start(stack, first.id, ClientToken=f"t-{first.id}")
    other = start(stack, first.id)
    assert once.id == again.id != other.id
    assert once.started["ContinuedFromContactId"] == again.started["ContinuedFromContactId"] == first.id
    assert once.said() == other.said() == ["one"]


def test_continued_many_times_at_the_same_moment(stack: Stack) -> None:
    first = start(stack, Attributes={"topic": "bees"}).say("one").end()
    tokens = [f"same-{first.id}"] * 5 + [f"{number}-{first.id}" for number in range(5)]

    def continued(token: str) -> Talk:
        return start(stack, first.id, ClientToken=token)

    with ThreadPoolExecutor(len(tokens)) as pool:
        chats = list(pool.map(continued, tokens))
    assert len({chat.id for chat in chats[:5]}) == 1
    assert len({chat.id for chat in chats}) == 6
    for chat in chats[4:]:
        assert chat.started["ContinuedFromContactId"] == first.id
        contact = describe(stack, chat.id)
        assert (contact["RelatedContactId"], contact["Attributes"]) == (first.id, {"topic": "bees"})
        assert chat.said() == ["one"]


def test_a_running_chat_is_associated_once(stack: Stack) -> None:
    first, other = start(stack, Attributes={"a": "1", "b": "1"}).say("one").end(), start(stack).end()
    chat = start(stack, Attributes={"b": "2"}).say("two")
    ask = stack.connect().create_persistent_contact_association
    wanted = {"InstanceId": "demo", "InitialContactId": chat.id, "RehydrationType": "FROM_SEGMENT"}
    assert "itself" in refused("InvalidRequestException", ask, SourceContactId=chat.id, **wanted)
    for _ in range(2):
        assert ask(SourceContactId=first.id, **wanted)["ContinuedFromContactId"] == first.id
    assert "already" in refused("InvalidRequestException", ask, SourceContactId=other.id, **wanted)
    contact = describe(stack, chat.id)
    assert (contact["RelatedContactId"], contact["Attributes"]) == (first.id, {"a": "1", "b": "2"})
    assert chat.said() == ["two", "one"]
    continued = {**wanted, "InitialContactId": start(stack, first.id).id}
    assert "already" in refused("InvalidRequestException", ask, SourceContactId=other.id, **continued)
    unknown = {**wanted, "InitialContactId": "nothing"}
    assert "InitialContactId" in refused("ResourceNotFoundException", ask, SourceContactId=first.id, **unknown)


def test_filters_do_not_reach_the_past(stack: Stack) -> None:
    first = start(stack).say("one").end()
    chat = start(stack, first.id).say("two")
    ask, token = stack.participant().get_transcript, chat.token
    page = ask(ConnectionToken=token)
    past = {"ConnectionToken": token, "NextToken": page["NextToken"]}
    assert "ContactId" in refused("ValidationException", ask, ContactId=chat.id, **past)
    assert "StartPosition" in refused("ValidationException", ask, StartPosition={"MostRecent": 1}, **past)
    assert "ScanDirection" in refused("ValidationException", ask, ScanDirection="FORWARD", **past)
    assert "NextToken" in refused("ValidationException", ask, ConnectionToken=token, NextToken=page["NextToken"] + "x")
    assert "NextToken" in refused(
        "ValidationException", ask, ConnectionToken=start(stack).token, NextToken=page["NextToken"]
    )
    assert "ContactId" in refused("ValidationException", ask, ConnectionToken=token, ContactId=first.id)
    filtered = ask(ConnectionToken=token, ContactId=chat.id)
    assert "NextToken" not in filtered
    oldest = ask(ConnectionToken=token, ScanDirection="BACKWARD", StartPosition={"Id": page["Transcript"][0]["Id"]})
    assert "NextToken" not in oldest
    ascending = ask(ScanDirection="BACKWARD", SortOrder="ASCENDING", **past)["Transcript"]
    assert [item["AbsoluteTime"] for item in ascending] == sorted(item["AbsoluteTime"] for item in ascending)
