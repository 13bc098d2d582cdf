"""Supervisors who monitor a contact, in the store: how they begin, what ends them, and at the same moment as its end."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from domain.participants import Participant, ParticipantPresence, Role
from store import connections
from store.conversations import find_participant, participant_of_user, present_participants
from store.database import Database
from store.monitors import (
    Begun,
    Monitor,
    begin_monitor,
    end_monitor,
    find_monitor,
    monitors_after,
    monitors_lost_before,
    note_monitor_connected,
    note_monitor_lost,
)
from tests.store.sample_records import AGENT, CUSTOMER, INSTANCE, after, contact, record, record_chat, snapshot

SUE = Monitor("c-sue", "c", "c", "sue", "Sue", may_barge=False)
NOW, LATER = after(100), after(200)
JOINED = Participant(
    id="c-sue", role=Role.SUPERVISOR, name="Sue", user="sue", presence=ParticipantPresence.CONNECTED, joined_at=NOW
)


async def begin(db: Database, monitor: Monitor = SUE, most: int = 5) -> Begun:
    async with db.write() as transaction:
        return await begin_monitor(transaction, monitor, most, NOW)


async def is_present(db: Database) -> bool:
    return SUE.participant_id in await present_participants(db, [SUE.participant_id])


async def test_monitor_begins_once_and_can_be_changed(db: Database) -> None:
    await record_chat(db)
    assert await begin(db) is Begun.NEW
    assert await begin(db, SUE._replace(may_barge=True)) is Begun.PRESENT
    assert await find_monitor(db, "c", "sue") == SUE._replace(may_barge=True)
    assert await find_monitor(db, "c", "ann") is None
    assert await is_present(db)
    await end_monitor(db, SUE.participant_id, LATER)
    assert not await is_present(db)
    assert await find_monitor(db, "c", "sue") is None
    assert await begin(db) is Begun.NEW
    assert await is_present(db)


async def test_contact_has_a_limited_number_of_monitors(db: Database) -> None:
    await record_chat(db)
    assert await begin(db, most=1) is Begun.NEW
    assert await begin(db, Monitor("c-tom", "c", "c", "tom", "Tom", may_barge=False), most=1) is Begun.TOO_MANY
    assert await begin(db, most=1) is Begun.PRESENT


async def test_supervisor_is_no_agent_of_the_chat(db: Database) -> None:
    await record_chat(db)
    await begin(db, SUE._replace(user="ann"))
    found = await participant_of_user(db, "c", "ann")
    assert found
    assert found.role is Role.AGENT


async def test_all_know_that_a_supervisor_takes_part_until_they_leave(db: Database) -> None:
    async def has_supervisor() -> bool:
        found = await find_participant(db, CUSTOMER.id)
        assert found
        return found[4]

    await record_chat(db)
    await begin(db)
    assert not await has_supervisor()
    await record(db, "c", snapshot=snapshot(2, participants=(CUSTOMER, AGENT, JOINED)))
    assert await has_supervisor()
    left = JOINED.model_copy(update={"left_at": LATER})
    await record(db, "c", snapshot=snapshot(3, participants=(CUSTOMER, AGENT, left)))
    assert not await has_supervisor()


async def test_write_that_ends_the_contact_ends_its_monitors(db: Database) -> None:
    await record_chat(db)
    await begin(db)
    await record(db, "c", snapshot=snapshot(2))
    assert await is_present(db)
    contacts = (contact(ended_at=LATER, end_reason="transferred"), contact("c-2", initiated_at=LATER))
    await record(db, "c", snapshot=snapshot(3, contacts=contacts))
    assert not await is_present(db)
    assert await begin(db) is Begun.ENDED
    assert await begin(db, SUE._replace(contact_id="c-2")) is Begun.NEW
    await record(db, "c", snapshot=snapshot(4, contacts=contacts))  # it has ended before
    assert await is_present(db)
    await record(db, "c", snapshot=snapshot(5, contacts=(contact("c-2", ended_at=LATER),), ended_at=LATER))
    assert not await is_present(db)


async def test_survey_is_not_monitored(db: Database) -> None:
    await record_chat(db)
    survey = contact("c-2", initiation_method="DISCONNECT")
    await record(db, "c", snapshot=snapshot(2, contacts=(contact(ended_at=LATER), survey)))
    assert await begin(db, SUE._replace(contact_id="c-2")) is Begun.ENDED


async def test_no_monitor_outlives_a_contact_that_ends_at_the_same_moment(db: Database) -> None:
    await record_chat(db)
    for revision in range(2, 12):
        present, next = f"c-{revision}", f"c-{revision + 1}"
        await record(db, "c", snapshot=snapshot(revision * 2, contacts=(contact(present),)))
        ended = (contact(present, ended_at=LATER), contact(next, initiated_at=LATER))
        await asyncio.gather(
            begin(db, SUE._replace(contact_id=present)),
            record(db, "c", snapshot=snapshot(revision * 2 + 1, contacts=ended)),
        )
        assert await find_monitor(db, "c", "sue") is None
        assert not await is_present(db)


async def test_all_monitors_are_read_in_pages(db: Database) -> None:
    await record_chat(db)
    tom = SUE._replace(participant_id="c-tom", user="tom", name="Tom")
    for monitor in (tom, SUE):
        await begin(db, monitor)
    assert await monitors_after(db, "", 5) == [(SUE, INSTANCE), (tom, INSTANCE)]
    assert await monitors_after(db, "", 1) == [(SUE, INSTANCE)]
    assert await monitors_after(db, SUE.participant_id, 5) == [(tom, INSTANCE)]
    assert await monitors_after(db, tom.participant_id, 5) == []


async def test_lost_supervisors_are_found(db: Database) -> None:
    await record_chat(db)
    await begin(db)
    lost = [(SUE.participant_id, "c")]
    assert await monitors_lost_before(db, NOW) == []
    assert await monitors_lost_before(db, NOW + timedelta(seconds=1)) == lost  # they have not connected yet
    await connections.add_connection(db, SUE.participant_id, "supervisors", "process")
    await note_monitor_connected(db, SUE.participant_id)
    await note_monitor_lost(db, SUE.participant_id, NOW)  # late: they are connected again
    assert await monitors_lost_before(db, LATER) == []
    assert await connections.mark_connection_lost(db, SUE.participant_id, "process", NOW)
    await note_monitor_lost(db, SUE.participant_id, NOW)
    assert await monitors_lost_before(db, LATER) == lost
