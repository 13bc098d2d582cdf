"""GetTranscript compared with a model: every direction, order, start position and page size, to the last page."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from tests.compat.chats import INSTANCE, Chat, send_message, start_chat, wait_for_transcript

Items = list[dict[str, Any]]
ITEM_COUNT = 25
DEFAULT_PAGE = 10
PAGE_SIZES = (None, 0, 3, 100)
DIRECTIONS = (None, "FORWARD", "BACKWARD")
ORDERS = (None, "ASCENDING", "DESCENDING")
STARTS = (
    *("absent", "empty", "first", "middle", "last"),
    *("before all", "at an item", "between items", "in another zone", "after all"),
    *("most recent 0", "most recent 1", "most recent 7", "most recent 25", "most recent 100"),
)


class LongChat(NamedTuple):
    """A chat with 25 items, oldest first. No test adds items to it."""

    chat: Chat
    items: Items


@pytest.fixture(scope="module")
def long_chat(connect: Any, participant: Any) -> LongChat:
    chat = start_chat(connect, "persistent", InitialMessage={"ContentType": "text/plain", "Content": "0"})
    sent = [send_message(participant, chat, f"{n}") for n in range(1, ITEM_COUNT - 1)]
    items = wait_for_transcript(participant, chat, item=sent[-1])
    assert [item["Id"] for item in items][2:] == sent
    return LongChat(chat, items)


def start_position(named: str, items: Items) -> dict[str, Any]:
    """Return the StartPosition for a name in STARTS."""
    middle = items[11]["AbsoluteTime"]
    at = datetime.fromisoformat(middle)
    match named:
        case "first" | "middle" | "last":
            return {"Id": items[{"first": 0, "middle": 11, "last": -1}[named]]["Id"]}
        case "before all":
            return {"AbsoluteTime": "2020-02-29T00:00:00.000Z"}
        case "at an item":
            return {"AbsoluteTime": middle}
        case "between items":
            gap = next(a for a, b in pairwise(items[11:]) if instant(b) - instant(a) > timedelta(milliseconds=1))
            return {"AbsoluteTime": (instant(gap) + timedelta(microseconds=500)).isoformat()}
        case "in another zone":
            return {"AbsoluteTime": at.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat()}
        case "after all":
            return {"AbsoluteTime": "2999-01-01T00:00:00Z"}
        case "absent" | "empty":
            return {}
        case _:
            return {"MostRecent": int(named.removeprefix("most recent "))}


def instant(item: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(item["AbsoluteTime"])


def expected_items(items: Items, start: dict[str, Any], direction: str | None) -> Items:
    """Return all items from a start position on, in paging order. This is the model."""
    forward = direction == "FORWARD" if direction else bool(start)
    first, last = 0, len(items)  # forward: items[first:]; backward: items[:last]; both include the start
    match start:
        case {"Id": item_id}:
            first = next(n for n, item in enumerate(items) if item["Id"] == item_id)
            last = first + 1
        case {"AbsoluteTime": text}:
            at = datetime.fromisoformat(text)
            first = sum(instant(item) < at for item in items)
            last = sum(instant(item) <= at for item in items)
        case {"MostRecent": count} if count:
            first = max(0, len(items) - count)
            last = first + 1
        case _:
            first = len(items)
    return items[first:] if forward else items[:last][::-1]


def expected_pages(items: Items, size: int | None, order: str | None) -> list[Items]:
    size = size or DEFAULT_PAGE
    pages = [items[n : n + size] for n in range(0, len(items), size)] or [[]]
    return [sorted(page, key=instant, reverse=order != "ASCENDING") for page in pages]


def read_pages(participant: Any, chat: Chat, **members: Any) -> list[Items]:
    """Return all pages: repeat the request with each NextToken."""
    pages: list[Items] = []
    token: dict[str, str] = {}
    while len(pages) <= ITEM_COUNT:
        page = participant.get_transcript(ConnectionToken=chat.token, **members, **token)
        assert page["InitialContactId"] == chat.contact_id
        pages.append(page["Transcript"])
        if "NextToken" not in page:
            return pages
        token = {"NextToken": page["NextToken"]}
    raise AssertionError("paging does not end")


@pytest.mark.parametrize("named", STARTS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_pages_match_the_model(
    participant: Any, long_chat: LongChat, direction: str | None, order: str | None, named: str
) -> None:
    start = start_position(named, long_chat.items)
    for size in PAGE_SIZES:
        options = {"ScanDirection": direction, "SortOrder": order, "MaxResults": size}
        members: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        if named != "absent":
            members["StartPosition"] = start
        pages = read_pages(participant, long_chat.chat, **members)
        assert pages == expected_pages(expected_items(long_chat.items, start, direction), size, order), members


def test_model_returns_the_expected_items(long_chat: LongChat) -> None:
    assert expected_items(long_chat.items, {}, None) == long_chat.items[::-1]
    assert expected_items(long_chat.items, {"Id": long_chat.items[3]["Id"]}, None) == long_chat.items[3:]
    assert expected_items(long_chat.items, {"MostRecent": 2}, "BACKWARD") == long_chat.items[-2::-1]
    assert [len(page) for page in expected_pages(long_chat.items, None, None)] == [10, 10, 5]


def test_pages_of_one_item_cover_the_transcript(participant: Any, long_chat: LongChat) -> None:
    pages = read_pages(participant, long_chat.chat, MaxResults=1, ScanDirection="BACKWARD")
    assert pages == [[item] for item in reversed(long_chat.items)]


def test_transcript_accepts_contact_id_of_the_chat(participant: Any, long_chat: LongChat) -> None:
    pages = read_pages(participant, long_chat.chat, ContactId=long_chat.chat.contact_id, MaxResults=100)
    assert pages == [long_chat.items[::-1]]


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00+23:59"])
@pytest.mark.parametrize("direction", ["FORWARD", "BACKWARD"])
def test_extreme_start_times_are_accepted(participant: Any, long_chat: LongChat, direction: str, at: str) -> None:
    pages = read_pages(
        participant, long_chat.chat, ScanDirection=direction, StartPosition={"AbsoluteTime": at}, MaxResults=100
    )
    beyond = (direction == "FORWARD") == (at > "2")
    assert pages == ([[]] if beyond else [long_chat.items[::-1]])


def test_new_items_do_not_affect_backward_paging(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    items = wait_for_transcript(participant, chat, item=[send_message(participant, chat, f"{n}") for n in range(5)][-1])
    first = participant.get_transcript(ConnectionToken=chat.token, MaxResults=2)
    wait_for_transcript(participant, chat, item=send_message(participant, chat, "meanwhile"))
    rest = participant.get_transcript(ConnectionToken=chat.token, MaxResults=10, NextToken=first["NextToken"])
    assert first["Transcript"] + rest["Transcript"] == items[::-1]


def test_transcript_is_readable_after_chat_end(connect: Any, participant: Any) -> None:
    chat = start_chat(connect)
    item_id = send_message(participant, chat, "to be kept")
    connect.stop_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)
    assert len(wait_for_transcript(participant, chat, item=item_id)) == 4


class TestRefused:
    """Refused NextTokens and start positions."""

    def assert_refused(self, participant: Any, chat: Chat, what: str, **members: Any) -> None:
        with pytest.raises(participant.exceptions.ValidationException, match=what):
            participant.get_transcript(ConnectionToken=chat.token, **members)

    def next_token(self, participant: Any, chat: Chat, **members: Any) -> str:
        return participant.get_transcript(ConnectionToken=chat.token, MaxResults=3, **members)["NextToken"]

    def test_forged_next_token_is_refused(self, participant: Any, long_chat: LongChat) -> None:
        token = self.next_token(participant, long_chat.chat)
        head, body, signature = token.split(".")
        other = "B" if signature[5] == "A" else "A"
        forgeries = (f"{head}.{body}.{signature[:5]}{other}{signature[6:]}", f"{head}.{body}.", "x", "a.b.c")
        for forged in (*forgeries, long_chat.chat.token):
            self.assert_refused(participant, long_chat.chat, "NextToken", NextToken=forged)

    def test_next_token_of_another_chat_is_refused(self, connect: Any, participant: Any, long_chat: LongChat) -> None:
        other = start_chat(connect)
        self.assert_refused(participant, other, "another chat", NextToken=self.next_token(participant, long_chat.chat))

    @pytest.mark.parametrize(("direction", "other"), [("BACKWARD", "FORWARD"), ("FORWARD", "BACKWARD")])
    def test_next_token_of_other_direction_is_refused(
        self, participant: Any, long_chat: LongChat, direction: str, other: str
    ) -> None:
        where = {"StartPosition": {"MostRecent": 20}, "ScanDirection": direction}
        token = self.next_token(participant, long_chat.chat, **where)
        self.assert_refused(participant, long_chat.chat, "ScanDirection", NextToken=token, ScanDirection=other)

    def test_start_position_outside_the_chat_is_refused(
        self, connect: Any, participant: Any, long_chat: LongChat
    ) -> None:
        other_chat = start_chat(connect)
        self.assert_refused(participant, other_chat, "StartPosition.Id", StartPosition={"Id": long_chat.items[0]["Id"]})
        self.assert_refused(
            participant, long_chat.chat, "StartPosition.AbsoluteTime", StartPosition={"AbsoluteTime": "noon"}
        )
        self.assert_refused(participant, long_chat.chat, "ContactId", ContactId=other_chat.contact_id)
        both = {"Id": long_chat.items[0]["Id"], "MostRecent": 1}
        self.assert_refused(participant, long_chat.chat, "StartPosition", StartPosition=both)
