"""GetTranscript against a model of it: every direction, order, start and page size, paged to the end."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from tests.compat.chats import INSTANCE, Chat, once_there, say, start

Items = list[dict[str, Any]]
ITEMS = 25
DEFAULT_PAGE = 10
PAGES = (None, 0, 3, 100)
DIRECTIONS = (None, "FORWARD", "BACKWARD")
ORDERS = (None, "ASCENDING", "DESCENDING")
STARTS = (
    *("absent", "empty", "first", "middle", "last"),
    *("before all", "at an item", "between items", "in another zone", "after all"),
    *("most recent 0", "most recent 1", "most recent 7", "most recent 25", "most recent 100"),
)


class Long(NamedTuple):
    """A chat of 25 items that grows no more, and they, the oldest first."""

    chat: Chat
    items: Items


@pytest.fixture(scope="module")
def long(connect: Any, participant: Any) -> Long:
    chat = start(connect, "persistent", InitialMessage={"ContentType": "text/plain", "Content": "0"})
    sent = [say(participant, chat, f"{n}") for n in range(1, ITEMS - 1)]
    items = once_there(participant, chat, item=sent[-1])
    assert [item["Id"] for item in items][2:] == sent
    return Long(chat, items)


def position(named: str, items: Items) -> dict[str, Any]:
    """A start as it goes over the wire."""
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


def run(items: Items, named: dict[str, Any], direction: str | None) -> Items:
    """The model: all items from a start on, in the order in which pages go through them."""
    forward = direction == "FORWARD" if direction else bool(named)
    first, last = 0, len(items)  # items[first:] is what lies ahead, items[:last] what lies behind, both with the start
    match named:
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


def pages_of(items: Items, size: int | None, order: str | None) -> list[Items]:
    size = size or DEFAULT_PAGE
    pages = [items[n : n + size] for n in range(0, len(items), size)] or [[]]
    return [sorted(page, key=instant, reverse=order != "ASCENDING") for page in pages]


def read(participant: Any, chat: Chat, **members: Any) -> list[Items]:
    """All pages, as a client gets them that sends the same request again with each NextToken."""
    pages: list[Items] = []
    token: dict[str, str] = {}
    while len(pages) <= ITEMS:
        page = participant.get_transcript(ConnectionToken=chat.token, **members, **token)
        assert page["InitialContactId"] == chat.contact_id
        pages.append(page["Transcript"])
        if "NextToken" not in page:
            return pages
        token = {"NextToken": page["NextToken"]}
    raise AssertionError("the pages never end")


@pytest.mark.parametrize("named", STARTS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_pages(participant: Any, long: Long, direction: str | None, order: str | None, named: str) -> None:
    where = position(named, long.items)
    for size in PAGES:
        asked = {"ScanDirection": direction, "SortOrder": order, "MaxResults": size}
        members: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        if named != "absent":
            members["StartPosition"] = where
        got = read(participant, long.chat, **members)
        assert got == pages_of(run(long.items, where, direction), size, order), members


def test_model_goes_through_everything(long: Long) -> None:
    assert run(long.items, {}, None) == long.items[::-1]
    assert run(long.items, {"Id": long.items[3]["Id"]}, None) == long.items[3:]
    assert run(long.items, {"MostRecent": 2}, "BACKWARD") == long.items[-2::-1]
    assert [len(page) for page in pages_of(long.items, None, None)] == [10, 10, 5]


def test_one_item_a_page(participant: Any, long: Long) -> None:
    pages = read(participant, long.chat, MaxResults=1, ScanDirection="BACKWARD")
    assert pages == [[item] for item in reversed(long.items)]


def test_contact_of_the_chat_may_be_named(participant: Any, long: Long) -> None:
    pages = read(participant, long.chat, ContactId=long.chat.contact_id, MaxResults=100)
    assert pages == [long.items[::-1]]


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00+23:59"])
@pytest.mark.parametrize("direction", ["FORWARD", "BACKWARD"])
def test_ends_of_time(participant: Any, long: Long, direction: str, at: str) -> None:
    pages = read(participant, long.chat, ScanDirection=direction, StartPosition={"AbsoluteTime": at}, MaxResults=100)
    beyond = (direction == "FORWARD") == (at > "2")
    assert pages == ([[]] if beyond else [long.items[::-1]])


def test_new_items_do_not_disturb_paging_back(connect: Any, participant: Any) -> None:
    chat = start(connect)
    items = once_there(participant, chat, item=[say(participant, chat, f"{n}") for n in range(5)][-1])
    first = participant.get_transcript(ConnectionToken=chat.token, MaxResults=2)
    once_there(participant, chat, item=say(participant, chat, "meanwhile"))
    rest = participant.get_transcript(ConnectionToken=chat.token, MaxResults=10, NextToken=first["NextToken"])
    assert first["Transcript"] + rest["Transcript"] == items[::-1]


def test_transcript_can_be_read_after_the_end(connect: Any, participant: Any) -> None:
    chat = start(connect)
    item_id = say(participant, chat, "to be kept")
    connect.stop_contact(InstanceId=INSTANCE, ContactId=chat.contact_id)
    assert len(once_there(participant, chat, item=item_id)) == 4


class TestRefused:
    """What a NextToken or a position may not be."""

    def refuses(self, participant: Any, chat: Chat, what: str, **members: Any) -> None:
        with pytest.raises(participant.exceptions.ValidationException, match=what):
            participant.get_transcript(ConnectionToken=chat.token, **members)

    def next_token(self, participant: Any, chat: Chat, **members: Any) -> str:
        return participant.get_transcript(ConnectionToken=chat.token, MaxResults=3, **members)["NextToken"]

    def test_forged_token(self, participant: Any, long: Long) -> None:
        token = self.next_token(participant, long.chat)
        head, body, signature = token.split(".")
        other = "B" if signature[5] == "A" else "A"
        forgeries = (f"{head}.{body}.{signature[:5]}{other}{signature[6:]}", f"{head}.{body}.", "x", "a.b.c")
        for forged in (*forgeries, long.chat.token):
            self.refuses(participant, long.chat, "NextToken", NextToken=forged)

    def test_token_of_another_chat(self, connect: Any, participant: Any, long: Long) -> None:
        other = start(connect)
        self.refuses(participant, other, "another chat", NextToken=self.next_token(participant, long.chat))

    @pytest.mark.parametrize(("direction", "other"), [("BACKWARD", "FORWARD"), ("FORWARD", "BACKWARD")])
    def test_token_of_the_other_direction(self, participant: Any, long: Long, direction: str, other: str) -> None:
        where = {"StartPosition": {"MostRecent": 20}, "ScanDirection": direction}
        token = self.next_token(participant, long.chat, **where)
        self.refuses(participant, long.chat, "ScanDirection", NextToken=token, ScanDirection=other)

    def test_start_that_is_not_in_the_chat(self, connect: Any, participant: Any, long: Long) -> None:
        foreign = start(connect)
        self.refuses(participant, foreign, "StartPosition.Id", StartPosition={"Id": long.items[0]["Id"]})
        self.refuses(participant, long.chat, "StartPosition.AbsoluteTime", StartPosition={"AbsoluteTime": "noon"})
        self.refuses(participant, long.chat, "ContactId", ContactId=foreign.contact_id)
        both = {"Id": long.items[0]["Id"], "MostRecent": 1}
        self.refuses(participant, long.chat, "StartPosition", StartPosition=both)
