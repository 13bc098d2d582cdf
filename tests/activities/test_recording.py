"""What a commit leaves: rows in the store, then announcements on the bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from activities.recording import Recorder
from configuration.current import Configuration
from configuration.policies import workstream_policy
from runtime.bus import Announcement, LocalBus
from runtime.instances import Instance
from store import transcript
from store.database import Database
from store.migrate import migrate
from workflows.contract import Commit, Opening, StartConversation, initial_state, rules
from workflows.policy import IdleAction, IdleRule, Policy, Survey, Texts
from workflows.state import ConversationState
from workflows.values import EventType, Item, ItemType, Mode, Notice, Role, State

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


RULE = IdleRule(silent="customer", after=timedelta(minutes=1), action=IdleAction.CLOSE)
INSTANCES = {
    "demo": Instance.model_validate(
        {
            "workstreams": {
                "live": {
                    "mode": "live",
                    "queue": "live",
                    "open_age": 60,
                    "texts": {"ended": {"en": "Bye", "de": "Ade"}},
                },
                "persistent": {"mode": "persistent", "queue": "live"},
            }
        }
    )
}


def state(mode: Mode = Mode.LIVE, policy: Policy | None = None, **changes: Any) -> ConversationState:
    """A conversation under what is configured, or under another policy."""
    instance = INSTANCES["demo"]
    configured = workstream_policy(instance, instance.workstreams[mode], "de")
    opening = OPENING.model_copy(update={"workstream": str(mode), "attributes": {"language": "de"}})
    return initial_state(StartConversation(opening=opening, policy=policy or configured)).replace(**changes)


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
    return Recorder(db, bus, Configuration(INSTANCES, db, bus))


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


async def answered(recorder: Recorder, state: ConversationState) -> Policy | None:
    """What a conversation is told of its policy with a commit."""
    answer = await recorder.record(Commit(conversation_id="c", opening=OPENING, rules=rules(state)))
    return answer.policy if answer else None


@pytest.mark.parametrize("mode", Mode)
async def test_who_goes_by_what_is_configured_hears_nothing(recorder: Recorder, mode: Mode) -> None:
    assert await answered(recorder, state(mode)) is None
    fixed = {"archive": True, "interactive": True, "duration_configured": False, "duration": timedelta(hours=1)}
    assert await answered(recorder, state(mode, state(mode).policy.model_copy(update=fixed))) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("open_age", None), ("duration", timedelta(hours=1)), ("hours", True), ("survey", Survey()), ("texts", Texts())],
)
async def test_who_goes_by_anything_else_hears_of_it(recorder: Recorder, name: str, value: Any) -> None:
    other = state(policy=state().policy.model_copy(update={name: value}))
    told = await answered(recorder, other)
    assert told == state().policy
    assert told is not None
    assert told.texts.ended == "Ade"
    assert other.with_policy(told).policy == state().policy
    assert await answered(recorder, other.with_policy(told)) is None


@pytest.mark.parametrize(
    ("changes", "stays"),
    [
        ({"survey_step": 0}, {"survey": Survey()}),
        ({}, {"duration": timedelta(hours=1), "duration_configured": False}),
        ({}, {"archive": True}),
        ({}, {"interactive": True}),
    ],
)
async def test_what_is_fixed_stays(recorder: Recorder, changes: dict[str, Any], stays: dict[str, Any]) -> None:
    own = state().policy.model_copy(update=stays)
    assert await answered(recorder, state(policy=own, **changes)) is None
    older = state(policy=own.model_copy(update={"open_age": None}), **changes)
    told = await answered(recorder, older)
    assert told is not None
    assert older.with_policy(told).policy == own


@pytest.mark.parametrize(
    "changes",
    [
        {"workstream": "gone"},
        {"instance": "gone"},
        {"workstream": "persistent"},  # of the other mode: it is not what it was under this name
        {"state": State.CLOSED},
    ],
)
async def test_who_keeps_what_they_have(recorder: Recorder, changes: dict[str, Any]) -> None:
    other = state(policy=state().policy.model_copy(update={"open_age": None}))
    assert await answered(recorder, other) is not None
    assert await answered(recorder, other.replace(**changes)) is None


def test_operators_read_what_has_changed() -> None:
    now = state().policy.model_copy(update={"open_age": None, "texts": Texts()})
    assert [note.what for note in state().with_policy(now).change_notes] == [
        "the workstream has changed: open_age, texts"
    ]
    assert state().with_policy(state().policy) == state()


def test_the_language_is_the_one_at_the_start_and_not_endless() -> None:
    assert state().language == "de"
    nothing = initial_state(StartConversation(opening=OPENING, policy=state().policy))
    assert nothing.language == ""
    endless = OPENING.model_copy(update={"attributes": {"language": "de-" + "x" * 30_000}})
    language = initial_state(StartConversation(opening=endless, policy=state().policy)).language
    assert len(language) == 100
