"""Details of contacts: commits of the conversation leave them alone, and they go with the conversation."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from domain.feed import FeedEventType
from store.contact_details import ContactDetails, change_details
from store.conversations import find_contact, open_conversation
from store.database import Database
from store.feed import FeedPosition, StoredEvent, page_of_feed
from store.personal_data import erase_conversation, exported_conversation
from store.records import ContactReference, StoredContact
from tests.store.sample_records import INSTANCE, after, contact, opening, record, snapshot

URL = ContactReference(type="URL", value="https://shop.example/7")


async def stored(db: Database, id: str = "c") -> StoredContact:
    found = await find_contact(db, INSTANCE, id)
    assert found
    return found[0]


async def feed(db: Database) -> list[StoredEvent]:
    return list(await page_of_feed(db, INSTANCE, FeedPosition(), 1_000))


def everything(_: ContactDetails) -> ContactDetails:
    return ContactDetails("order", "It is late.", {"page": URL}, {"team": "a"})


async def test_details_outlive_commits_and_belong_to_one_contact(db: Database) -> None:
    await open_conversation(db, opening())
    assert (await stored(db)).name is None
    await change_details(db, await stored(db), everything)
    legs = (contact("c", ended_at=after(5), last_seq=1), contact("c-2", initiated_at=after(5)))
    await record(db, "c", snapshot=snapshot(1, contacts=legs, participants=()))
    first, second = await stored(db), await stored(db, "c-2")
    assert (first.name, first.description) == ("order", "It is late.")
    assert (first.references, first.tags) == ({"page": URL}, {"team": "a"})
    assert (second.name, second.references, second.tags) == (None, None, None)


async def test_failed_change_changes_nothing(db: Database) -> None:
    await open_conversation(db, opening())
    await change_details(db, await stored(db), everything)
    before = await stored(db)

    def failing(details: ContactDetails) -> ContactDetails:
        raise ValueError(details.name)

    with pytest.raises(ValueError, match="order"):
        await change_details(db, before, failing)
    assert await stored(db) == before


async def test_concurrent_changes_are_all_kept(db: Database) -> None:
    await open_conversation(db, opening())
    found = await stored(db)

    def adding(key: str) -> asyncio.Task[None]:
        def added(details: ContactDetails) -> ContactDetails:
            return replace(details, tags={**details.tags, key: key})

        return asyncio.create_task(change_details(db, found, added))

    await asyncio.gather(*map(adding, "abcdef"))
    assert (await stored(db)).tags == {key: key for key in "abcdef"}


async def test_feed_names_what_has_changed_once(db: Database) -> None:
    await open_conversation(db, opening())
    known = len(await feed(db))
    for _ in range(2):  # as a client that sends its request again
        await change_details(db, await stored(db), everything)
    await change_details(db, await stored(db), lambda details: replace(details, tags={"team": "b", "level": "2"}))
    await change_details(db, await stored(db), lambda details: replace(details, tags={"team": "b"}))
    found = (await feed(db))[known:]
    assert {(each.type, each.contact_id) for each in found} == {(FeedEventType.CONTACT_DATA_UPDATED, "c")}
    assert [each.data for each in found] == [
        {"details": ["description", "name"], "references": ["page"], "tags": ["team"]},
        {"tags": ["level", "team"]},
        {"tags": ["level"]},
    ]


async def test_details_are_exported_and_deleted_with_the_conversation(db: Database) -> None:
    await open_conversation(db, opening())
    await change_details(db, await stored(db), everything)
    exported = await exported_conversation(db, "c")
    assert exported
    assert exported["contacts"][0].items() >= {"name": "order", "tags": {"team": "a"}}.items()
    await erase_conversation(db, "c")
    assert await find_contact(db, INSTANCE, "c") is None
