from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise, permutations

import pytest

from store.conversations import find_contact, find_conversation, find_participant, open_conversation, record
from store.database import Database
from store.records import Contact, Conversation, Item, NewConversation, Participant
from store.transcript import Span, acknowledge, page
from tests.store.making import AGENT, CUSTOMER, INSTANCE, START, after, count, facts, item, opening, talk

FORWARD = Span(0, forward=True)
CLOSED = facts(3, state="CLOSED", ended_at=after(90), end_reason="customer ended", closed_at=after(95))


async def stored(db: Database, id: str = "c") -> tuple[Conversation, Contact]:
    found = await find_contact(db, INSTANCE, id)
    assert found is not None
    return found[1], found[0]


async def person(db: Database, id: str) -> Participant | None:
    found = await find_participant(db, id)
    return found[0] if found else None


async def transcript(db: Database, id: str = "c") -> list[Item]:
    return await page(db, id, FORWARD, 1_000)


async def test_an_opened_conversation_has_its_contact_and_its_customer(db: Database) -> None:
    await open_conversation(db, opening())
    conversation, contact = await stored(db)
    assert conversation == Conversation(
        id="c",
        instance=INSTANCE,
        workstream="flow-1",
        queue="support",
        mode="persistent",
        state="OPEN",
        customer_id="crm-7",
        attributes={"locale": "fr"},
        segment_attributes={"connect:Subtype": {"ValueString": "connect:Chat"}},
        content_types=("text/plain", "text/markdown"),
        started_at=START,
        ended_at=None,
        closed_at=None,
        end_reason=None,
        updated_at=START,
    )
    assert contact == Contact(
        "c", "c", "API", None, "earlier", "support", START, START, None, None, None, None, None, None
    )
    assert await person(db, "c-customer") == Participant(
        "c-customer", "c", "CUSTOMER", "Zoë", None, "awaited", None, None, 0, 0
    )


@pytest.mark.parametrize("repeat", [opening(), opening(queue="other", customer_name="Other", started_at=after(9))])
async def test_opening_again_changes_nothing(db: Database, repeat: NewConversation) -> None:
    await open_conversation(db, opening())
    before = await stored(db), await person(db, "c-customer")
    await open_conversation(db, repeat)
    assert (await stored(db), await person(db, "c-customer")) == before


async def test_opening_again_adds_no_second_customer(db: Database) -> None:
    await asyncio.gather(*(open_conversation(db, opening(customer_participant_id=f"p{n}")) for n in range(10)))
    await open_conversation(db, opening(customer_participant_id="late"))
    assert [await count(db, name) for name in ("conversations", "contacts", "participants")] == [1, 1, 1]


async def test_a_record_brings_everything_at_once(db: Database) -> None:
    await record(db, "c", opening=opening(), facts=facts(1), items=[item(1), item(2)])
    conversation, contact = await stored(db)
    assert conversation.state == "ACTIVE"
    assert (contact.agent_user, contact.agent_connected_at) == ("ann", after(60))
    assert await person(db, "c-agent") == Participant(
        "c-agent", "c", "AGENT", "Ann", "ann", "connected", after(60), None, 0, 0
    )
    assert await transcript(db) == [item(1), item(2)]


async def test_a_newer_revision_replaces_the_older_one(db: Database) -> None:
    await talk(db)
    left = replace(AGENT, presence="away", left_at=after(80))
    await record(db, "c", facts=replace(CLOSED, participants=(CUSTOMER, left)))
    conversation, contact = await stored(db)
    assert (conversation.state, conversation.end_reason) == ("CLOSED", "customer ended")
    assert (conversation.ended_at, conversation.closed_at) == (after(90), after(95))
    assert (contact.ended_at, contact.wrapped_up_at) == (after(90), after(95))
    agent = await person(db, "c-agent")
    assert agent is not None
    assert (agent.presence, agent.left_at) == ("away", after(80))


async def test_a_repeated_record_changes_nothing(db: Database) -> None:
    for _ in range(2):
        await record(db, "c", opening=opening(), facts=facts(1), items=[item(1)])
    before = await stored(db), await transcript(db)
    await record(db, "c", opening=opening(), facts=facts(0, state="CLOSED", participants=()), items=[item(1)])
    assert (await stored(db), await transcript(db)) == before


async def test_a_task_that_is_done_again_has_the_last_word(db: Database) -> None:
    await record(db, "c", opening=opening(), facts=facts(1), items=[item(1)])
    await record(db, "c", facts=facts(1, state="CLOSED"), items=[item(1), item(2)])
    conversation, _ = await stored(db)
    assert conversation.state == "CLOSED"
    assert await transcript(db) == [item(1), item(2)]


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))), ids=str)
async def test_whatever_the_order_the_newest_revision_stands_and_no_item_is_missing(
    db: Database, order: tuple[int, ...]
) -> None:
    waiting = facts(2, state="WAITING", participants=(CUSTOMER, replace(AGENT, presence="away", left_at=after(70))))
    revisions = {1: facts(1, agent_user=None, participants=(CUSTOMER,)), 2: waiting, 3: CLOSED}
    for number in order:
        await record(db, "c", opening=opening(), facts=revisions[number], items=[item(number)])
    conversation, contact = await stored(db)
    assert (conversation.state, contact.agent_user, contact.wrapped_up_at) == ("CLOSED", "ann", after(95))
    agent = await person(db, "c-agent")
    assert agent is not None
    assert (agent.presence, agent.left_at) == ("connected", None)
    assert await transcript(db) == [item(1), item(2), item(3)]


async def test_facts_leave_what_the_conversation_began_with(db: Database) -> None:
    await open_conversation(db, opening())
    before, _ = await stored(db)
    await record(db, "c", facts=facts(1))
    now, contact = await stored(db)
    assert now == replace(before, state="ACTIVE", updated_at=now.updated_at)
    assert (contact.initiated_at, contact.enqueued_at, contact.related_contact_id) == (START, START, "earlier")


async def test_facts_leave_how_far_a_participant_has_read(db: Database) -> None:
    await talk(db, 1, 2)
    await acknowledge(db, "c", "c-agent", 2, read=True, at=after(5))
    await record(db, "c", facts=facts(2))
    agent = await person(db, "c-agent")
    assert agent is not None
    assert (agent.delivered_seq, agent.read_seq) == (2, 2)


async def test_facts_of_nobody_are_facts_too(db: Database) -> None:
    await open_conversation(db, opening())
    await record(db, "c", facts=facts(1, state="CLOSED", participants=()))
    assert (await stored(db))[0].state == "CLOSED"


async def test_an_opening_that_comes_late_leaves_the_facts(db: Database) -> None:
    await talk(db, 1)
    before = await stored(db), await person(db, "c-customer")
    await record(db, "c", opening=opening())
    await open_conversation(db, opening())
    assert (await stored(db), await person(db, "c-customer")) == before


async def test_what_comes_under_a_number_that_is_taken_gets_the_next(db: Database) -> None:
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
    assert all(one.at < other.at for one, other in pairwise(await transcript(db)))


async def test_an_id_that_has_gone_to_something_else_is_another_one(db: Database) -> None:
    await record(db, "c", opening=opening(), items=[item(1, content="assigned")])
    news = [item(1, content="left"), item(2)]
    heads = [await record(db, "c", items=news) for _ in range(2)]
    assert [(i.seq, i.id, i.content) for i in await transcript(db)] == [
        (1, "item-1", "assigned"),
        (2, "item-1/again", "left"),
        (3, "item-2", item(2).content),
    ]
    assert [head and head.seq for head in heads] == [3, None]


async def test_a_repeat_of_what_others_follow_is_no_news(db: Database) -> None:
    await talk(db, 1, 2, 3)
    assert await record(db, "c", items=[item(2)]) is None


async def test_two_conversations_may_use_the_same_item_ids(db: Database) -> None:
    await talk(db, 1)
    await record(db, "d", opening=opening("d"), items=[item(1, content="of d")])
    assert (await transcript(db), await transcript(db, "d")) == ([item(1)], [item(1, content="of d")])


async def test_every_field_of_an_item_comes_back(db: Database) -> None:
    await talk(db)
    bare = item(2, type="EVENT", content=None, participant_id=None, role="SYSTEM", name=None)
    await record(db, "c", items=[item(1, trigger="timer"), bare])
    assert await transcript(db) == [item(1, trigger="timer"), bare]


async def test_the_same_record_from_many_sides_is_written_once(db: Database) -> None:
    items = [item(seq) for seq in range(1, 21)]
    await asyncio.gather(*(record(db, "c", opening=opening(), facts=facts(1), items=items) for _ in range(20)))
    assert await transcript(db) == items
    assert [await count(db, name) for name in ("conversations", "contacts", "participants")] == [1, 1, 2]


async def test_of_revisions_that_arrive_at_once_the_newest_stands(db: Database) -> None:
    await talk(db)
    names = {revision: f"user-{revision}" for revision in range(2, 22)}
    await asyncio.gather(
        *(
            record(db, "c", facts=facts(revision, agent_user=name, end_reason=name), items=[item(revision)])
            for revision, name in names.items()
        )
    )
    conversation, contact = await stored(db)
    assert (conversation.end_reason, contact.agent_user) == ("user-21", "user-21")
    assert await transcript(db) == [item(revision) for revision in names]


async def test_a_record_of_one_conversation_leaves_the_others(db: Database) -> None:
    await open_conversation(db, opening("d"))
    before = await stored(db, "d"), await find_conversation(db, "d")
    await talk(db, 1, 2)
    assert (await stored(db, "d"), await find_conversation(db, "d")) == before
    assert await transcript(db, "d") == []
