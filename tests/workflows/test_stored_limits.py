"""Everything that enters a conversation fits into the columns of the store, whatever its sender puts in.

The texts and numbers of all inputs are found in their models, and tried at the largest size that each field accepts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from sqlalchemy import JSON, BigInteger, Column, Integer, String, Table, text

from activities.recording import Recorder
from configuration.current import Configuration
from domain.checkpoints import Checkpoint
from domain.contacts import Contact
from domain.conversation import ConversationOpening, ConversationSnapshot, Mode
from domain.events import AnyEvent, Configure
from domain.participants import Participant
from domain.policy import DEFAULTS
from domain.transcript import TranscriptItem
from domain.value import MAX_NAME
from runtime.bus import LocalBus
from store import schema
from tests.fresh_stores import postgresql_databases
from tests.workflows.conftest import new_store
from tests.workflows.sample_states import SAMPLE_STATES, sample_chat
from workflows.contract import Commit, StartConversation, initial_state, snapshot_of
from workflows.decision import Decision
from workflows.machine import decide

EVENTS = cast("tuple[type[BaseModel], ...]", get_args(AnyEvent))
NOT_LIMITED_BY_NAME = {"content", "content_types"}
"""Texts in columns of any length: a content has a limit of its own, JSON can hold every character."""

LARGEST = (1_000_000, 16_384, 500, MAX_NAME, 128, 100)


def leaves(annotation: Any) -> Iterator[Any]:
    """The simple types of a field, each with its constraints."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        for leaf in leaves(inner):
            yield Annotated[leaf, *metadata] if leaf in (str, int) or get_origin(leaf) is Annotated else leaf
    elif get_origin(annotation) in (Union, UnionType, tuple, list):
        for argument in get_args(annotation):
            if argument not in (NoneType, Ellipsis):
                yield from leaves(argument)
    else:
        yield annotation


def typed(field: FieldInfo) -> Any:
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def plain(leaf: Any) -> Any:
    while get_origin(leaf) is Annotated:
        leaf = get_args(leaf)[0]
    return leaf


def fields_of(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    """The simple fields of a model and of the models in it."""
    for name, field in model.model_fields.items():
        for leaf in leaves(typed(field)):
            kind = plain(leaf)
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from fields_of(kind, f"{path}{name}.")
            else:
                yield f"{path}{name}", leaf


def accepted(annotation: Any, value: object) -> Any:
    """The value as a field takes it; None when it refuses it."""
    with suppress(ValidationError):
        return TypeAdapter(annotation).validate_python(value)
    return None


INPUTS = [
    pytest.param(leaf, id=f"{model.__name__}.{name}")
    for model in (*EVENTS, ConversationOpening)
    for name, leaf in fields_of(model)
    if plain(leaf) in (str, int) and name.rpartition(".")[2] not in NOT_LIMITED_BY_NAME
]


@pytest.mark.parametrize("annotation", INPUTS)
def test_every_text_and_number_of_an_input_is_limited(annotation: Any) -> None:
    if plain(annotation) is int:
        assert accepted(annotation, 2**63) is None
        return
    for poison in ("a\x00b", "\ud800", "n" * 501):
        taken = accepted(annotation, poison)
        assert taken is None or ("\x00" not in taken and taken.encode() and len(taken) <= MAX_NAME), poison


RECORDS: list[tuple[type[BaseModel], Table, dict[str, str]]] = [
    (TranscriptItem, schema.items, {}),
    (Participant, schema.participants, {}),
    (Contact, schema.contacts, {}),
    (Checkpoint, schema.checkpoints, {}),
    (ConversationSnapshot, schema.conversations, {}),
    (ConversationOpening, schema.conversations, {"contact_id": "id"}),
]
COLUMNS = [
    pytest.param(leaf, table.c[renamed.get(name, name)], id=f"{model.__name__}.{name}")
    for model, table, renamed in RECORDS
    for name, field in model.model_fields.items()
    if renamed.get(name, name) in table.c and not isinstance(table.c[renamed.get(name, name)].type, JSON)
    for leaf in leaves(typed(field))
]


@pytest.mark.parametrize(("annotation", "column"), COLUMNS)
def test_values_of_a_record_fit_into_their_column(annotation: Any, column: Column[Any]) -> None:
    kind = plain(annotation)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        assert isinstance(column.type, String)
        assert column.type.length is None or max(map(len, kind)) <= column.type.length
    elif get_origin(kind) is Literal:
        assert isinstance(column.type, String)
    elif kind is int:
        assert isinstance(column.type, BigInteger | Integer)
    elif kind is str:
        assert isinstance(column.type, String)
        limit = max((size for size in LARGEST if accepted(annotation, "x" * size) == "x" * size), default=0)
        enters_as_name = limit == max(LARGEST)  # a record has no limits of its own, but what enters has
        length = column.type.length
        own_words = column.name in ("content_type", "trigger", "run_id")  # not names: tried below on PostgreSQL
        assert length is None or own_words or length >= (MAX_NAME if enters_as_name else limit)


_OWN = ("attributes", "segment_attributes", "content_types", "past")


def largest(model: type[BaseModel]) -> dict[str, Any]:
    """The body of an event in which every field has its largest value."""
    body: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        values = [value for leaf in leaves(typed(field)) if (value := _largest_value(leaf, name)) is not None]
        if values and name not in ("kind", *_OWN):
            body[name] = values[0]
    return body


def _largest_value(leaf: Any, name: str) -> Any:
    kind = plain(leaf)
    if kind is str:
        texts = ("𝄞" * (4_096 if name == "content" else size) for size in LARGEST)
        return next((taken for text in texts if (taken := accepted(leaf, text)) is not None), None)
    if kind is int:
        return next(n for power in (200, 63, 62, 31, 30, 26) if (n := accepted(leaf, 2**power - 1)) is not None)
    if kind is timedelta:
        return next(d for d in (timedelta.max, timedelta(minutes=480)) if accepted(leaf, d) is not None)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return max(kind, key=len)
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    if kind is bool:
        return False
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return largest(kind)
    return datetime.max.replace(tzinfo=UTC)


def largest_decisions() -> Iterator[tuple[str, Decision]]:
    """The decisions on each event at its largest, in each state, from each kind of sender."""
    for mode, name in SAMPLE_STATES:
        for event in (event for event in EVENTS if event is not Configure):  # it has no texts
            body = largest(event)
            senders: list[dict[str, str]] = [{}, {"by": "customer"}, {"by": "agent"}]
            for sender in senders:
                chat = sample_chat(mode, name)
                given = cast("AnyEvent", event.model_validate({**body, **sender}))
                yield f"{mode} {name} {event.__name__} {sender}", decide(chat.state, given, chat.now)


@pytest.mark.slow
async def test_largest_events_can_be_stored(postgresql_server: str) -> None:
    opening: dict[str, Any] = largest(ConversationOpening) | {"mode": Mode.LIVE, "started_at": datetime.now(UTC)}
    opening |= {"attributes": {"a\x00b": "\x00" * 30_000}}
    async with new_store(postgresql_databases(postgresql_server)) as db:
        bus = LocalBus()
        recorder = Recorder(db, bus, Configuration({}, db, bus))
        for number, (name, decision) in enumerate(largest_decisions()):
            id = str(number).ljust(MAX_NAME, "i")
            own: dict[str, Any] = {"contact_id": id, "customer_participant_id": f"p{id}"[:MAX_NAME]}
            start = StartConversation(opening=ConversationOpening(**{**opening, **own}), policy=DEFAULTS[Mode.LIVE])
            begun = initial_state(start)
            fields = ("id", "instance", "workstream", "queue", "customer_id")
            state = decision.state.replace(**{field: getattr(begun, field) for field in fields})  # pyright: ignore
            commit = Commit(
                conversation_id=id, opening=start.opening, snapshot=snapshot_of(state), items=decision.items
            )
            result = await recorder.record(commit)
            assert result is None or result.conflict is None, (name, result)
            async with db.write() as connection:  # the next one has contacts and participants of the same ids
                await connection.execute(text("TRUNCATE conversations CASCADE"))
