"""The effects of a commit: first rows in the store, then announcements on the bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.recording import Recorder
from configuration.current import Configuration
from configuration.policies import workstream_policy
from configuration.schema.instances import InstanceSettings
from domain.checkpoints import Conflict, ConflictKind
from domain.conversation import Mode, State
from domain.policy import AutomatedMessages, IdleAction, IdleRule, Policy, Survey
from domain.transcript import EventType, ItemType, Notice
from runtime.bus import Announcement, LocalBus
from store import transcript
from store.database import Database
from tests import sqlite
from tests.store.sample_records import CUSTOMER, item, opening
from workflows.contract import Commit, StartConversation, initial_state, policy_reference
from workflows.state import ConversationState

OPENING = opening(instance="demo", workstream="live", mode=Mode.LIVE)
MESSAGE_ITEM = item(1)
IDLE_ITEM = item(0, contact_id="leg-2", type=ItemType.EVENT, content_type=EventType.IDLE.content_type, content=None)
RULE = IdleRule(silent="customer", after=timedelta(minutes=1), action=IdleAction.CLOSE)
INSTANCES = {
    "demo": InstanceSettings.model_validate(
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
    """The state of a conversation with the configured policy or another one."""
    instance = INSTANCES["demo"]
    configured = workstream_policy(instance, instance.workstreams[mode], "de")
    opening = OPENING.model_copy(update={"workstream": str(mode), "attributes": {"language": "de"}})
    return initial_state(StartConversation(opening=opening, policy=policy or configured)).replace(**changes)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with sqlite.store(tmp_path) as db:
        yield db


@pytest.fixture
def announced() -> list[Announcement]:
    return []


@pytest.fixture
def recorder(db: Database, announced: list[Announcement]) -> Recorder:
    bus = LocalBus()
    bus.subscribe(announced.append)
    return Recorder(db, bus, Configuration(INSTANCES, db, bus))


async def test_notices_are_announced_in_the_wire_format_and_not_stored(
    db: Database, recorder: Recorder, announced: list[Announcement]
) -> None:
    notices = (Notice(item=IDLE_ITEM), Notice(item=IDLE_ITEM, to=CUSTOMER.id))
    await recorder.record(Commit(conversation_id="c", opening=OPENING, items=(MESSAGE_ITEM,), notices=notices))
    frame = {
        "Id": IDLE_ITEM.id,
        "AbsoluteTime": "2026-02-28T23:59:59.987Z",
        "Type": "EVENT",
        "ContentType": "application/vnd.amazonaws.connect.event.participant.idle",
        "ParticipantId": CUSTOMER.id,
        "ParticipantRole": "CUSTOMER",
        "DisplayName": "Zoë",
        "InitialContactId": "c",
        "ContactId": "leg-2",
    }
    # items come last: they can contain the end of the chat, after which clients stop reading
    assert announced == [
        Announcement("c", frame),
        Announcement("c", frame, CUSTOMER.id),
        Announcement("c", items=(MESSAGE_ITEM,)),
    ]
    kept = await transcript.page(db, "c", transcript.PageStart(0, forward=True), 10)
    assert kept == [MESSAGE_ITEM]


async def test_commit_without_items_announces_nothing(recorder: Recorder, announced: list[Announcement]) -> None:
    await recorder.record(Commit(conversation_id="c", opening=OPENING))
    assert announced == []


async def test_commit_that_the_store_refuses_announces_nothing(
    recorder: Recorder, announced: list[Announcement]
) -> None:
    result = await recorder.record(
        Commit(conversation_id="c", items=(MESSAGE_ITEM,), notices=(Notice(item=IDLE_ITEM),))
    )
    assert result
    assert result.conflict == Conflict(kind=ConflictKind.REFUSED, cause="IntegrityError SQLITE_CONSTRAINT_FOREIGNKEY")
    assert announced == []


async def policy_after_commit(recorder: Recorder, state: ConversationState) -> Policy | None:
    """The policy that a conversation receives in answer to a commit, or None."""
    answer = await recorder.record(Commit(conversation_id="c", opening=OPENING, policy=policy_reference(state)))
    return answer.policy if answer else None


@pytest.mark.parametrize("mode", Mode)
async def test_conversation_with_the_configured_policy_gets_no_new_policy(recorder: Recorder, mode: Mode) -> None:
    assert await policy_after_commit(recorder, state(mode)) is None
    fixed = {"archive": True, "interactive": True, "duration_configured": False, "duration": timedelta(hours=1)}
    assert await policy_after_commit(recorder, state(mode, state(mode).policy.model_copy(update=fixed))) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("open_age", None),
        ("duration", timedelta(hours=1)),
        ("hours", True),
        ("survey", Survey()),
        ("texts", AutomatedMessages()),
    ],
)
async def test_conversation_with_another_policy_gets_the_configured_one(
    recorder: Recorder, name: str, value: Any
) -> None:
    other = state(policy=state().policy.model_copy(update={name: value}))
    received = await policy_after_commit(recorder, other)
    assert received == state().policy
    assert received is not None
    assert received.texts.ended == "Ade"
    assert other.with_policy(received).policy == state().policy
    assert await policy_after_commit(recorder, other.with_policy(received)) is None


@pytest.mark.parametrize(
    ("changes", "fixed"),
    [
        ({"survey_step": 0}, {"survey": Survey()}),
        ({}, {"duration": timedelta(hours=1), "duration_configured": False}),
        ({}, {"archive": True}),
        ({}, {"interactive": True}),
    ],
)
async def test_fixed_parts_of_a_policy_are_kept(
    recorder: Recorder, changes: dict[str, Any], fixed: dict[str, Any]
) -> None:
    own = state().policy.model_copy(update=fixed)
    assert await policy_after_commit(recorder, state(policy=own, **changes)) is None
    older = state(policy=own.model_copy(update={"open_age": None}), **changes)
    received = await policy_after_commit(recorder, older)
    assert received is not None
    assert older.with_policy(received).policy == own


@pytest.mark.parametrize(
    "changes",
    [
        {"workstream": "gone"},
        {"instance": "gone"},
        {"workstream": "persistent"},  # this workstream has another mode
        {"state": State.CLOSED},
    ],
)
async def test_policy_is_kept_when_the_workstream_or_state_does_not_allow_a_change(
    recorder: Recorder, changes: dict[str, Any]
) -> None:
    other = state(policy=state().policy.model_copy(update={"open_age": None}))
    assert await policy_after_commit(recorder, other) is not None
    assert await policy_after_commit(recorder, other.replace(**changes)) is None


def test_operator_note_names_the_changed_settings() -> None:
    now = state().policy.model_copy(update={"open_age": None, "texts": AutomatedMessages()})
    assert [note.what for note in state().with_policy(now).change_notes] == [
        "the workstream has changed: open_age, texts"
    ]
    assert state().with_policy(state().policy) == state()


def test_language_is_taken_at_the_start_and_limited_in_length() -> None:
    assert state().language == "de"
    without_language = initial_state(StartConversation(opening=OPENING, policy=state().policy))
    assert without_language.language == ""
    long_language = OPENING.model_copy(update={"attributes": {"language": "de-" + "x" * 30_000}})
    language = initial_state(StartConversation(opening=long_language, policy=state().policy)).language
    assert language is not None
    assert len(language) == 100
