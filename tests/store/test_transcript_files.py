"""Transcripts as text files and JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from domain.participants import Participant, ParticipantPresence, Role
from domain.transcript import EVENT_PREFIX, TranscriptItem
from store.conversations import find_contact, participants_of_contact
from store.database import Database
from store.transcript import pages_of_contact
from tests.store.sample_records import (
    AGENT,
    CUSTOMER,
    INSTANCE,
    after,
    contact,
    deliver,
    item,
    opening,
    read,
    record,
    record_chat,
    snapshot,
)
from wire.transcript_files import Entry, TranscriptSubject, transcript_json, transcript_text

ENDED: dict[str, Any] = {"state": "CLOSED", "ended_at": after(70), "end_reason": "agent ended", "closed_at": after(80)}
SYSTEM: dict[str, Any] = {"participant_id": None, "role": "SYSTEM", "name": "SYSTEM_MESSAGE"}


def event(seq: int, event_name: str, **changes: Any) -> TranscriptItem:
    return item(seq, **{"type": "EVENT", "content_type": EVENT_PREFIX + event_name, "content": None, **changes})


async def subject(db: Database, contact_id: str = "c") -> TranscriptSubject:
    found = await find_contact(db, INSTANCE, contact_id)
    assert found
    return TranscriptSubject(*found, await participants_of_contact(db, found[0]))


async def text_of(pieces: AsyncIterator[bytes]) -> str:
    return b"".join([piece async for piece in pieces]).decode()


async def as_json(db: Database, contact_id: str = "c", size: int = 500) -> Any:
    about = await subject(db, contact_id)
    return json.loads(await text_of(transcript_json(about, pages_of_contact(db, about.contact, size))))


async def as_text(db: Database, contact_id: str = "c", size: int = 500) -> str:
    about = await subject(db, contact_id)
    return await text_of(transcript_text(about, pages_of_contact(db, about.contact, size)))


async def record_ended_chat(db: Database) -> None:
    """Record an ended chat in which the agent has read the message of the customer."""
    by_agent = {"participant_id": "c-agent", "role": "AGENT", "name": "Ann"}
    items = [
        event(1, "participant.joined"),
        item(2, content='Grüße "\n'),
        event(3, "participant.joined", **by_agent),
        item(4, content="Hi", **by_agent),
        event(5, "participant.left", **by_agent),
        event(6, "chat.ended", **SYSTEM),
        item(7, content="Bye.", **SYSTEM),
    ]
    await record(db, "c", opening=opening(), snapshot=snapshot(1, **ENDED), items=items)
    await read(db, 2, 4.5)


async def test_json_file_matches_the_amazon_connect_format(db: Database) -> None:
    await record_ended_chat(db)
    agent = {"ParticipantId": "c-agent", "DisplayName": "Ann", "ParticipantRole": "AGENT"}
    customer = {"ParticipantId": "c-customer", "DisplayName": "Zoë", "ParticipantRole": "CUSTOMER"}
    at = "2026-03-01T00:00:0{}.987Z".format
    read = {"RecipientParticipantId": "c-agent", "DeliveredTimestamp": "2026-03-01T00:00:04.487Z"}
    receipts = {"MessageId": "item-2", "Receipts": [{**read, "ReadTimestamp": "2026-03-01T00:00:04.487Z"}]}

    def entry(seq: int, type: str, content_type: str, **members: Any) -> dict[str, Any]:
        return {"AbsoluteTime": at(seq - 1), "ContentType": content_type, "Id": f"item-{seq}", "Type": type, **members}

    def event_entry(seq: int, name: str, **members: Any) -> dict[str, Any]:
        return entry(seq, "EVENT", EVENT_PREFIX + name, **members)

    system = {"DisplayName": "SYSTEM_MESSAGE", "ParticipantRole": "SYSTEM"}
    assert await as_json(db) == {
        "Version": "2019-08-26",
        "AWSAccountId": "000000000000",
        "InstanceId": INSTANCE,
        "InitialContactId": "c",
        "ContactId": "c",
        "Participants": [{"ParticipantId": "c-customer"}, {"ParticipantId": "c-agent"}],
        "Transcript": [
            event_entry(1, "participant.joined", **customer),
            entry(2, "MESSAGE", "text/plain", Content='Grüße "\n', MessageMetadata=receipts, **customer),
            event_entry(3, "participant.joined", **agent),
            entry(4, "MESSAGE", "text/plain", Content="Hi", **agent),
            event_entry(5, "participant.left", **agent),
            event_entry(6, "chat.ended"),
            entry(7, "MESSAGE", "text/plain", Content="Bye.", **system),
        ],
    }


async def test_text_file_is_readable(db: Database) -> None:
    await record_ended_chat(db)
    assert await as_text(db) == (
        "Contact:      c\n"
        "Conversation: c\n"
        f"Instance:     {INSTANCE}\n"
        "Queue:        support\n"
        "Agent:        Ann (ann)\n"
        "Customer:     Zoë\n"
        "Began:        2026-02-28 23:59:59Z\n"
        "Ended:        2026-03-01 00:01:09Z (agent ended)\n"
        "\n"
        "2026-03-01 00:00:00Z  customer    Zoë joined\n"
        '2026-03-01 00:00:01Z  customer    Zoë: Grüße "\n'
        "2026-03-01 00:00:02Z  agent       Ann joined\n"
        "2026-03-01 00:00:03Z  agent       Ann: Hi\n"
        "2026-03-01 00:00:04Z  agent       Ann left\n"
        "2026-03-01 00:00:05Z  system      The chat ended\n"
        "2026-03-01 00:00:06Z  system      System: Bye.\n"
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("SYSTEM_MESSAGE", '"SYSTEM_MESSAGE"'),
        ("System", '"System"'),
        ("system ", '"system "'),
        ("\uff33\uff39\uff33\uff34\uff25\uff2d", '"\uff33\uff39\uff33\uff34\uff25\uff2d"'),
        ("Systema", "Systema"),
    ],
)
async def test_name_of_a_person_cannot_imitate_the_system(db: Database, name: str, shown: str) -> None:
    items = [item(1, name=name, content="The chat ended"), item(2, content="Bye.", **SYSTEM)]
    await record(db, "c", opening=opening(), snapshot=snapshot(1), items=items)
    lines = (await as_text(db)).splitlines()
    assert lines[-2].endswith(f"Z  customer    {shown}: The chat ended")
    assert lines[-1].endswith("Z  system      System: Bye.")


async def test_ongoing_chat_without_messages_has_an_empty_transcript(db: Database) -> None:
    await record(db, "c", opening=opening(), snapshot=snapshot(1, agent_user=None, participants=(CUSTOMER,)))
    assert (await as_json(db))["Transcript"] == []
    text = await as_text(db)
    assert "Agent:        none\n" in text
    assert text.endswith("Ended:        not yet\n\n")


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("a\nb\r\nc", "a ⏎ b ⏎ c"),
        (
            "ok\n2026-03-01 00:00:09Z  agent       Ann: I promise",
            "ok ⏎ 2026-03-01 00:00:09Z  agent       Ann: I promise",
        ),
        ("a\u2028b\x85c\x0bd", "a ⏎ b ⏎ c ⏎ d"),
        ("\x1b[2Jgone\x07", "�[2Jgone�"),
        ("\u202egnp.exe", "�gnp.exe"),
        ("a\tb", "a b"),
        ("👩\u200d🚀 {x} %s שלום", "👩\u200d🚀 {x} %s שלום"),
    ],
)
async def test_message_cannot_break_out_of_its_line(db: Database, content: str, shown: str) -> None:
    await record(db, "c", opening=opening(), items=[item(1, content=content, name=f"Z\n{content}")])
    lines = (await as_text(db)).removesuffix("\n").split("\n")
    assert len(lines) == 10
    assert lines[-1] == f"2026-03-01 00:00:00Z  customer    Z ⏎ {shown}: {shown}"
    assert (await as_json(db))["Transcript"][0]["Content"] == content


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("transfer.succeeded", "Zoë transferred the chat"),
        ("transfer.failed", "Zoë could not transfer the chat"),
        ("participant.invited", "Zoë was invited"),
        ("something.quite.new", "Zoë: something quite new"),
        ("{odd}", "Zoë: {odd}"),
    ],
)
async def test_text_file_describes_events_in_words(db: Database, name: str, words: str) -> None:
    await record(db, "c", opening=opening(), items=[event(1, name)])
    assert (await as_text(db)).endswith(f"customer    {words}\n")


async def test_text_file_describes_a_bot_item_without_content(db: Database) -> None:
    await record(db, "c", opening=opening(), items=[item(1, content=None, role="CUSTOM_BOT", name="Bee")])
    assert (await as_text(db)).endswith("bot         Bee sent text/plain\n")


async def test_each_contact_has_its_own_transcript_file(db: Database) -> None:
    bob = Participant(
        id="c-bob", role=Role.AGENT, name="Bob", user="bob", presence=ParticipantPresence.CONNECTED, joined_at=after(40)
    )
    never_joined = Participant(id="c-bot", role=Role.CUSTOM_BOT, name="Bot", presence=ParticipantPresence.AWAY)
    first = contact(ended_at=after(4), last_seq=3)
    second = contact(
        "c2", agent_user="bob", previous_contact_id="c", initiation_method="TRANSFER", initiated_at=after(4)
    )
    legs = snapshot(1, contacts=(first, second), participants=(CUSTOMER, AGENT, bob, never_joined))
    items = [item(n, contact_id="c" if n < 4 else "c2") for n in range(1, 8)]
    await record(db, "c", opening=opening(), snapshot=legs, items=items)
    await record(db, "d", opening=opening("d"), items=[item(1, contact_id="d")])

    one, two = await as_json(db), await as_json(db, "c2")
    assert [entry["Id"] for entry in one["Transcript"]] == ["item-1", "item-2", "item-3"]
    assert [entry["Id"] for entry in two["Transcript"]] == ["item-4", "item-5", "item-6", "item-7"]
    assert (two["InitialContactId"], two["ContactId"]) == ("c", "c2")
    assert [who["ParticipantId"] for who in one["Participants"]] == ["c-customer", "c-agent"]
    assert [who["ParticipantId"] for who in two["Participants"]] == ["c-customer", "c-bob"]
    assert "Ended:        2026-03-01 00:00:03Z\n" in await as_text(db)


@pytest.mark.parametrize("reason", ["transferred", "released", "agent lost", "participant idle"])
async def test_text_file_names_the_end_reason_of_each_contact(db: Database, reason: str) -> None:
    first = contact(ended_at=after(4), last_seq=3, end_reason=reason)
    last = contact("c2", previous_contact_id="c", initiated_at=after(4), ended_at=after(70), end_reason="agent ended")
    survey = contact("c3", previous_contact_id="c2", initiated_at=after(70), ended_at=after(80))
    over: dict[str, Any] = {"state": "CLOSED", "ended_at": after(80), "end_reason": "agent ended"}
    await record(db, "c", opening=opening(), snapshot=snapshot(1, contacts=(first, last, survey), **over))
    assert f"Ended:        2026-03-01 00:00:03Z ({reason})\n" in await as_text(db)
    assert "Ended:        2026-03-01 00:01:09Z (agent ended)\n" in await as_text(db, "c2")
    assert "Ended:        2026-03-01 00:01:19Z (agent ended)\n" in await as_text(db, "c3")


async def test_silent_bot_is_not_listed_as_a_participant(db: Database) -> None:
    silent = Participant(
        id="c-bot", role=Role.CUSTOM_BOT, name="Bot", presence=ParticipantPresence.CONNECTED, joined_at=after(1)
    )
    await record(db, "c", opening=opening(), snapshot=snapshot(1, agent_user=None, participants=(CUSTOMER, silent)))
    assert [who["ParticipantId"] for who in (await as_json(db))["Participants"]] == ["c-customer"]
    await record(db, "c", items=[item(1, participant_id="c-bot", role="CUSTOM_BOT")])
    assert [who["ParticipantId"] for who in (await as_json(db))["Participants"]] == ["c-customer", "c-bot"]


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 10, 23])
async def test_pages_have_no_gaps_and_no_repeats(db: Database, count: int) -> None:
    seqs = [2 * n for n in range(1, count + 1)]
    await record_chat(db, *seqs)
    about = await subject(db)
    pages = [page async for page in pages_of_contact(db, about.contact, 5)]
    assert [entry[0].seq for page in pages for entry in page] == seqs
    assert [len(page) for page in pages] == [5] * (count // 5) + ([count % 5] if count % 5 else [])
    for found in (await as_json(db, size=5), await as_json(db)):
        assert [entry["Id"] for entry in found["Transcript"]] == [f"item-{seq}" for seq in seqs]
    assert (await as_text(db, size=5)).count("\n") == 9 + count


async def test_items_recorded_during_the_read_are_left_out(db: Database) -> None:
    await record_chat(db, 1, 2, 3)
    about, seen = await subject(db), list[int]()
    async for page in pages_of_contact(db, about.contact, 2):
        seen += [entry[0].seq for entry in page]
        await record(db, "c", items=[item(max(seen) + 100)])
    assert seen == [1, 2, 3]


async def test_messages_keep_their_receipts_across_pages(db: Database) -> None:
    await record_chat(db, *range(1, 8))
    await deliver(db, 5, 10)
    found = (await as_json(db, size=2))["Transcript"]
    assert [entry["Id"] for entry in found if "MessageMetadata" in entry] == [f"item-{n}" for n in range(1, 6)]
    assert "ReadTimestamp" not in found[0]["MessageMetadata"]["Receipts"][0]


async def test_transcript_files_are_streamed(db: Database) -> None:
    await record_chat(db)
    about, requested = await subject(db), list[int]()

    async def endless() -> AsyncIterator[Sequence[Entry]]:
        for n in range(1_000):
            requested.append(n)
            yield [(item(n, at=after(0) + timedelta(days=n)), ())]

    for render in (transcript_json, transcript_text):
        pieces = render(about, endless())
        requested.clear()
        for n in range(10):
            await anext(pieces)
            assert len(requested) <= n + 1
