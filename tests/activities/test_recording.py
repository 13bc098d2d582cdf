"""What a commit leaves: rows in the store, then announcements on the bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from activities.recording import Recorder
from runtime.bus import Announcement, LocalBus
from store import transcript
from store.database import Database
from store.migrate import migrate
from workflows.contract import Commit, Opening
from workflows.values import EventType, Item, ItemType, Mode, Notice, Role

AT = datetime(2026, 2, 28, 23, 59, 59, 987_000, tzinfo=UTC)
OPENING = Opening(
    contact_id="c",
    instance="demo",
    workstream="live",
    queue="live",
    mode=Mode.LIVE,
    started_at=AT,
    customer_participant_id="customer",
    customer_name="Zoë",
)
ZOE: dict[str, Any] = {"participant_id": "customer", "role": Role.CUSTOMER, "name": "Zoë"}
SAID = Item(id="i", seq=1, at=AT, contact_id="c", type=ItemType.MESSAGE, content_type="text/plain", content="hi", **ZOE)
IDLE = Item(
    id="n", seq=0, at=AT, contact_id="leg-2", type=ItemType.EVENT, content_type=EventType.IDLE.content_type, **ZOE
)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    await migrate(db)
    yield db
    await db.close()


@pytest.fixture
def announced() -> list[Announcement]:
    return []


@pytest.fixture
def recorder(db: Database, announced: list[Announcement]) -> Recorder:
    bus = LocalBus()
    bus.listen(announced.append)
    return Recorder(db, bus)


async def test_notices_are_announced_in_the_shape_of_the_wire_and_kept_nowhere(
    db: Database, recorder: Recorder, announced: list[Announcement]
) -> None:
    notices = (Notice(item=IDLE), Notice(item=IDLE, to="customer"))
    await recorder.record(Commit(conversation_id="c", opening=OPENING, items=(SAID,), notices=notices))
    frame = {
        "Id": "n",
        "AbsoluteTime": "2026-02-28T23:59:59.987Z",
        "Type": "EVENT",
        "ContentType": "application/vnd.amazonaws.connect.event.participant.idle",
        "ParticipantId": "customer",
        "ParticipantRole": "CUSTOMER",
        "DisplayName": "Zoë",
        "InitialContactId": "c",
        "ContactId": "leg-2",
    }
    # the items last: with them may come the end, after which nobody listens
    assert announced == [Announcement("c", frame), Announcement("c", frame, "customer"), Announcement("c")]
    kept = await transcript.page(db, "c", transcript.Span(0, forward=True), 10)
    assert [item.id for item in kept] == ["i"]


async def test_a_commit_without_items_wakes_nobody(recorder: Recorder, announced: list[Announcement]) -> None:
    await recorder.record(Commit(conversation_id="c", opening=OPENING))
    assert announced == []


async def test_what_is_not_written_is_not_announced(recorder: Recorder, announced: list[Announcement]) -> None:
    with pytest.raises(IntegrityError):
        await recorder.record(Commit(conversation_id="c", items=(SAID,), notices=(Notice(item=IDLE),)))
    assert announced == []
