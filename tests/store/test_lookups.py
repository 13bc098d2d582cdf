"""How conversations, contacts and participants are found."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from store.conversations import (
    contacts_of_agent,
    find_contact,
    find_conversation,
    find_participant,
    open_conversation,
    participant_of_user,
)
from store.database import Database
from tests.store.sample_records import (
    AGENT,
    INSTANCE,
    add_contact,
    after,
    opening,
    record,
    record_chat,
    replaced,
    snapshot,
)


async def listed_contacts(db: Database, user: str = "ann", instance: str = INSTANCE) -> list[tuple[str, str]]:
    return [(contact.id, conversation.id) for contact, conversation in await contacts_of_agent(db, instance, user)]


async def record_active(db: Database, id: str, **changes: Any) -> None:
    """Record a conversation assigned to the agent ann."""
    start = changes.pop("started_at", after(0))
    await record(
        db,
        id,
        opening=opening(id, started_at=start),
        snapshot=snapshot(1, contact_id=id, began_at=start, participants=(), **changes),
    )


async def test_unknown_ids_are_not_found(db: Database) -> None:
    await open_conversation(db, opening())
    assert await find_conversation(db, "C") is None
    assert await find_contact(db, INSTANCE, "x") is None
    assert await find_participant(db, "x") is None
    assert await participant_of_user(db, "x", "ann") is None
    assert await contacts_of_agent(db, INSTANCE, "x") == []


async def test_contact_is_found_only_in_its_own_instance(db: Database) -> None:
    await open_conversation(db, opening())
    await open_conversation(db, opening("d"))
    found = await find_contact(db, INSTANCE, "c")
    assert found is not None
    assert (found[0].id, found[1]) == ("c", await find_conversation(db, "c"))
    assert await find_contact(db, "another instance", "c") is None


async def test_later_contact_is_found_with_its_conversation(db: Database) -> None:
    await open_conversation(db, opening())
    await add_contact(db, "c", "leg-2", previous_contact_id="c", initiated_at=after(60))
    found = await find_contact(db, INSTANCE, "leg-2")
    assert found is not None
    assert (found[0].id, found[0].previous_contact_id, found[1].id) == ("leg-2", "c", "c")


async def test_participant_is_found_with_the_conversation_and_its_latest_contact(db: Database) -> None:
    await record_chat(db)
    await open_conversation(db, opening("d", started_at=after(500)))
    await add_contact(db, "c", "leg-3", initiated_at=after(120))
    await add_contact(db, "c", "leg-2", initiated_at=after(60))
    found = await find_participant(db, "c-agent")
    assert found is not None
    participant, conversation, contact, identity, has_supervisor = found
    assert (identity, has_supervisor) == (None, False)
    assert (participant.id, participant.role, participant.user, conversation.id, contact) == (
        "c-agent",
        "AGENT",
        "ann",
        "c",
        "leg-3",
    )
    assert conversation == await find_conversation(db, "c")


async def test_agent_participant_is_found_by_user_in_each_conversation(db: Database) -> None:
    await record_chat(db)
    await open_conversation(db, opening("d"))
    await record(db, "d", snapshot=snapshot(1, contact_id="d", participants=(replaced(AGENT, id="d-agent"),)))
    for conversation, id in (("c", "c-agent"), ("d", "d-agent")):
        found = await participant_of_user(db, conversation, "ann")
        assert found is not None
        assert (found.id, found.conversation_id, found.role) == (id, conversation, "AGENT")
    assert await participant_of_user(db, "c", "bob") is None


async def test_contacts_of_an_agent_are_listed_oldest_first(db: Database) -> None:
    for id, seconds in (("b", 2), ("c", 3), ("a", 1)):
        await record_active(db, id, started_at=after(seconds))
    assert await listed_contacts(db) == [("a", "a"), ("b", "b"), ("c", "c")]


async def test_contacts_of_other_agents_are_not_listed(db: Database) -> None:
    await record_active(db, "c")
    await record_active(db, "d", agent_user="bob")
    await record_active(db, "e", agent_user=None)
    assert await listed_contacts(db) == [("c", "c")]
    assert await listed_contacts(db, "bob") == [("d", "d")]
    assert await listed_contacts(db, instance="another instance") == []


async def test_ended_contact_is_listed_until_its_wrap_up_ends(db: Database) -> None:
    await record_active(db, "c")
    await record(db, "c", snapshot=snapshot(2, state="WRAP_UP", ended_at=after(90), participants=()))
    assert await listed_contacts(db) == [("c", "c")]
    await record(
        db, "c", snapshot=snapshot(3, state="CLOSED", ended_at=after(90), closed_at=after(99), participants=())
    )
    assert await listed_contacts(db) == []


async def test_ended_contact_of_an_ongoing_conversation_is_not_listed(db: Database) -> None:
    await record_active(db, "c")
    await add_contact(db, "c", "leg-2", agent_user="ann", initiated_at=after(60), ended_at=after(70))
    assert await listed_contacts(db) == [("c", "c")]


async def test_wrapped_up_contact_is_not_listed_while_a_later_contact_is_in_wrap_up(db: Database) -> None:
    await record_active(db, "c", state="WRAP_UP", ended_at=after(90))
    await add_contact(db, "c", "leg-0", agent_user="ann", ended_at=after(-90), wrapped_up_at=after(-80))
    assert await listed_contacts(db) == [("c", "c")]


async def test_parked_conversation_is_listed_for_its_agent(db: Database) -> None:
    await record_active(db, "c", state="WAITING")
    [(contact, conversation)] = await contacts_of_agent(db, INSTANCE, "ann")
    assert (contact.agent_connected_at, conversation.state) == (after(60), "WAITING")


async def test_update_time_of_a_conversation_is_stored(db: Database) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    await record_chat(db)
    found = await find_conversation(db, "c")
    assert found is not None
    assert before <= found.updated_at <= datetime.now(UTC)
