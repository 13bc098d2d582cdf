"""Commits of a conversation: opening, snapshot and items."""

from __future__ import annotations

import asyncio
from itertools import pairwise, permutations
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from domain.contacts import EndReason, InitiationMethod
from domain.conversation import ConversationOpening, Mode, State
from domain.participants import Participant, ParticipantPresence, Role
from domain.transcript import TranscriptItem
from store.conversations import find_contact, find_conversation, find_participant, open_conversation
from store.database import Database
from store.records import StoredContact, StoredConversation, StoredParticipant
from store.transcript import PageStart, page
from tests.store.sample_records import (
    AGENT,
    CONNECTED,
    CUSTOMER,
    INSTANCE,
    START,
    after,
    contact,
    count,
    item,
    opening,
    read,
    record,
    record_chat,
    replaced,
    snapshot,
)

FORWARD = PageStart(0, forward=True)
CLOSED = snapshot(3, state="CLOSED", ended_at=after(90), end_reason="customer ended", closed_at=after(95))


async def stored(db: Database, id: str = "c") -> tuple[StoredConversation, StoredContact]:
    found = await find_contact(db, INSTANCE, id)
    assert found is not None
    return found[1], found[0]


async def find_person(db: Database, id: str) -> StoredParticipant | None:
    found = await find_participant(db, id)
    return found[0] if found else None


async def transcript(db: Database, id: str = "c") -> list[TranscriptItem]:
    return await page(db, id, FORWARD, 1_000)


async def test_opened_conversation_has_its_contact_and_customer(db: Database) -> None:
    await open_conversation(db, opening())
    conversation, contact = await stored(db)
    assert conversation == StoredConversation(
        id="c",
        instance=INSTANCE,
        workstream="flow-1",
        queue="support",
        mode=Mode.PERSISTENT,
        state=State.OPEN,
        customer_id="crm-7",
        is_customer_signed=False,
        attributes={"locale": "fr"},
        segment_attributes={"connect:Subtype": {"ValueString": "connect:Chat"}},
        content_types=("text/plain", "text/markdown"),
        started_at=START,
        ended_at=None,
        closed_at=None,
        end_reason=None,
        updated_at=START,
    )
    assert contact == StoredContact(
        id="c",
        conversation_id="c",
        initiation_method=InitiationMethod.API,
        related_contact_id="earlier",
        queue="support",
        initiated_at=START,
        enqueued_at=START,
    )
    assert await find_person(db, "c-customer") == StoredParticipant(
        id="c-customer",
        conversation_id="c",
        role=Role.CUSTOMER,
        name="Zoë",
        presence=ParticipantPresence.AWAITED,
        delivered_seq=0,
        read_seq=0,
    )


@pytest.mark.parametrize("repeat", [opening(), opening(queue="other", customer_name="Other", started_at=after(9))])
async def test_repeated_opening_changes_nothing(db: Database, repeat: ConversationOpening) -> None:
    await open_conversation(db, opening())
    before = await stored(db), await find_person(db, "c-customer")
    await open_conversation(db, repeat)
    assert (await stored(db), await find_person(db, "c-customer")) == before


async def test_repeated_opening_adds_no_second_customer(db: Database) -> None:
    await asyncio.gather(*(open_conversation(db, opening(customer_participant_id=f"p{n}")) for n in range(10)))
    await open_conversation(db, opening(customer_participant_id="late"))
    assert [await count(db, name) for name in ("conversations", "contacts", "participants")] == [1, 1, 1]


async def test_record_writes_opening_facts_and_items_together(db: Database) -> None:
    await record(db, "c", opening=opening(), snapshot=snapshot(1), items=[item(1), item(2)])
    conversation, contact = await stored(db)
    assert conversation.state == "ACTIVE"
    assert (contact.agent_user, contact.agent_connected_at) == ("ann", after(60))
    assert await find_person(db, "c-agent") == StoredParticipant(
        **dict(AGENT), conversation_id="c", delivered_seq=0, read_seq=0
    )
    assert await transcript(db) == [item(1), item(2)]


async def test_newer_revision_replaces_the_older_one(db: Database) -> None:
    await record_chat(db)
    left = replaced(AGENT, presence="away", left_at=after(80))
    await record(db, "c", snapshot=replaced(CLOSED, participants=(CUSTOMER, left)))
    conversation, contact = await stored(db)
    assert (conversation.state, conversation.end_reason) == ("CLOSED", "customer ended")
    assert (conversation.ended_at, conversation.closed_at) == (after(90), after(95))
    assert (contact.ended_at, contact.wrapped_up_at) == (after(90), after(95))
    agent = await find_person(db, "c-agent")
    assert agent is not None
    assert (agent.presence, agent.left_at) == ("away", after(80))


async def test_repeated_or_older_record_changes_nothing(db: Database) -> None:
    for _ in range(2):
        await record(db, "c", opening=opening(), snapshot=snapshot(1), items=[item(1)])
    before = await stored(db), await transcript(db)
    await record(db, "c", opening=opening(), snapshot=snapshot(0, state="CLOSED", participants=()), items=[item(1)])
    assert (await stored(db), await transcript(db)) == before


async def test_repeated_revision_overwrites_the_facts_and_keeps_the_items(db: Database) -> None:
    await record(db, "c", opening=opening(), snapshot=snapshot(1), items=[item(1)])
    await record(db, "c", snapshot=snapshot(1, state="CLOSED"), items=[item(1), item(2)])
    conversation, _ = await stored(db)
    assert conversation.state == "CLOSED"
    assert await transcript(db) == [item(1), item(2)]


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))), ids=str)
async def test_newest_revision_wins_and_all_items_are_kept_in_any_order_of_records(
    db: Database, order: tuple[int, ...]
) -> None:
    waiting = snapshot(2, state="WAITING", participants=(CUSTOMER, replaced(AGENT, presence="away", left_at=after(70))))
    revisions = {1: snapshot(1, agent_user=None, participants=(CUSTOMER,)), 2: waiting, 3: CLOSED}
    for number in order:
        await record(db, "c", opening=opening(), snapshot=revisions[number], items=[item(number)])
    conversation, contact = await stored(db)
    assert (conversation.state, contact.agent_user, contact.wrapped_up_at) == ("CLOSED", "ann", after(95))
    agent = await find_person(db, "c-agent")
    assert agent is not None
    assert (agent.presence, agent.left_at) == ("connected", None)
    assert await transcript(db) == [item(1), item(2), item(3)]


async def test_facts_keep_the_opening(db: Database) -> None:
    await open_conversation(db, opening())
    before, _ = await stored(db)
    await record(db, "c", snapshot=snapshot(1))
    updated, contact = await stored(db)
    assert updated == replaced(before, state="ACTIVE", updated_at=updated.updated_at)
    assert (contact.initiated_at, contact.enqueued_at, contact.related_contact_id) == (START, START, "earlier")


async def test_facts_keep_the_receipts_of_participants(db: Database) -> None:
    await record_chat(db, 1, 2)
    await read(db, 2, 5)
    await record(db, "c", snapshot=snapshot(2))
    agent = await find_person(db, "c-agent")
    assert agent is not None
    assert (agent.delivered_seq, agent.read_seq) == (2, 2)


async def test_facts_without_participants_are_recorded(db: Database) -> None:
    await open_conversation(db, opening())
    await record(db, "c", snapshot=snapshot(1, state="CLOSED", participants=()))
    assert (await stored(db))[0].state == "CLOSED"


async def test_late_opening_keeps_the_facts(db: Database) -> None:
    await record_chat(db, 1)
    before = await stored(db), await find_person(db, "c-customer")
    await record(db, "c", opening=opening())
    await open_conversation(db, opening())
    assert (await stored(db), await find_person(db, "c-customer")) == before


async def test_item_with_a_taken_number_gets_the_next_number(db: Database) -> None:
    await record(db, "c", opening=opening(), items=[item(1), item(2, id="reminder", content="Still there?")])
    head = await record(db, "c", items=[item(1), item(2, id="accepted", content="yes"), item(3)])
    assert [(i.seq, i.id) for i in await transcript(db)] == [
        (1, "item-1"),
        (2, "reminder"),
        (3, "accepted"),
        (4, "item-3"),
    ]
    assert head
    assert (head.seq, head.at) == (4, (await transcript(db))[-1].at)
    assert all(earlier.at < later.at for earlier, later in pairwise(await transcript(db)))


async def test_item_with_a_taken_id_gets_a_new_id(db: Database) -> None:
    await record(db, "c", opening=opening(), items=[item(1, content="assigned")])
    new_items = [item(1, content="left"), item(2)]
    heads = [await record(db, "c", items=new_items) for _ in range(2)]
    assert [(i.seq, i.id, i.content) for i in await transcript(db)] == [
        (1, "item-1", "assigned"),
        (2, "item-1/again", "left"),
        (3, "item-2", item(2).content),
    ]
    assert [head and head.seq for head in heads] == [3, 3]


async def test_repeated_earlier_item_changes_nothing(db: Database) -> None:
    await record_chat(db, 1, 2, 3)
    end = await record(db, "c", items=[item(2)])
    assert end
    assert end.seq == 3
    assert await transcript(db) == [item(1), item(2), item(3)]


async def test_two_conversations_can_use_the_same_item_ids(db: Database) -> None:
    await record_chat(db, 1)
    await record(db, "d", opening=opening("d"), items=[item(1, content="of d")])
    assert (await transcript(db), await transcript(db, "d")) == ([item(1)], [item(1, content="of d")])


async def test_every_field_of_an_item_is_stored(db: Database) -> None:
    await record_chat(db)
    bare = item(2, type="EVENT", content=None, participant_id=None, role="SYSTEM", name=None)
    await record(db, "c", items=[item(1, trigger="timer"), bare])
    assert await transcript(db) == [item(1, trigger="timer"), bare]


async def test_concurrent_equal_records_are_written_once(db: Database) -> None:
    items = [item(seq) for seq in range(1, 21)]
    await asyncio.gather(*(record(db, "c", opening=opening(), snapshot=snapshot(1), items=items) for _ in range(20)))
    assert await transcript(db) == items
    assert [await count(db, name) for name in ("conversations", "contacts", "participants")] == [1, 1, 2]


async def test_newest_of_concurrent_revisions_wins(db: Database) -> None:
    await record_chat(db)
    revisions = range(2, 22)
    snapshots = [
        snapshot(
            revision,
            agent_user=f"user-{revision}",
            end_reason=EndReason.AGENT_ENDED if revision == 21 else EndReason.CUSTOMER_ENDED,
        )
        for revision in revisions
    ]
    await asyncio.gather(*(record(db, "c", snapshot=newest, items=[item(newest.revision)]) for newest in snapshots))
    conversation, contact = await stored(db)
    assert (conversation.end_reason, contact.agent_user) == (EndReason.AGENT_ENDED, "user-21")
    assert await transcript(db) == [item(revision) for revision in revisions]


async def test_record_leaves_other_conversations_unchanged(db: Database) -> None:
    await open_conversation(db, opening("d"))
    before = await stored(db, "d"), await find_conversation(db, "d")
    await record_chat(db, 1, 2)
    assert (await stored(db, "d"), await find_conversation(db, "d")) == before
    assert await transcript(db, "d") == []


@pytest.mark.parametrize("what", ["contacts", "participants"])
async def test_row_of_another_conversation_is_not_overwritten(db: Database, what: str) -> None:
    """Its id can come from a signal by hand."""
    await record_chat(db, 1)
    await record(db, "d", opening=opening("d"), snapshot=snapshot(1, "d", participants=(), contacts=(contact("d"),)))
    before = await stored(db), await find_person(db, "c-customer")
    stranger = Participant(id="c-customer", role=Role.CUSTOM_BOT, name="Bot", presence=CONNECTED)
    changes: dict[str, Any] = {"participants": (), "contacts": (contact("d"),)}
    changes[what] = (contact("d"), contact("c")) if what == "contacts" else (stranger,)
    with pytest.raises(IntegrityError):
        await record(db, "d", snapshot=snapshot(2, "d", **changes))
    assert (await stored(db), await find_person(db, "c-customer")) == before
