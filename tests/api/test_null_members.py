"""`null` counts as absent: every optional member of every request body accepts it, and gets its default."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError

from api import agent, reconnections
from api.bodies import BodyReader
from api.connect import (
    agent_status,
    bots,
    chats,
    contact_details,
    contact_routing,
    contact_search,
    contact_segments,
    contacts,
    current_metrics,
    metrics,
    participant_timers,
    queues,
    rehydration,
    streaming,
    user_data,
    users,
)
from api.connect import transfers as connect_transfers
from api.participant import attachments, connection, messages, transcript
from tests.api.calls import Api, assert_refused, valid_body, with_member
from tests.compat.chats import Chat

MODULES = (
    *(agent_status, bots, chats, contact_search, contacts, metrics, participant_timers, rehydration),
    *(contact_details, contact_routing, contact_segments, current_metrics, queues, streaming, user_data, users),
    *(connect_transfers, attachments, connection, messages, transcript, reconnections, *agent.MODULES),
)


def body_models() -> Iterator[type[BaseModel]]:
    """Yield the models of all request bodies."""
    for module in MODULES:
        router: APIRouter = module.router
        for route in router.routes:
            if isinstance(route, APIRoute):
                for dependency in route.dependant.dependencies:
                    if isinstance(dependency.call, BodyReader):
                        yield dependency.call.model


def with_inner(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a model and the models in it."""
    yield model
    for field in model.model_fields.values():
        for inner in models_in(field.annotation):
            if inner is not model:
                yield from with_inner(inner)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


OPTIONAL_MEMBERS = sorted(
    {
        (model, name)
        for body in body_models()
        for model in with_inner(body)
        for name, field in model.model_fields.items()
        if not field.is_required()
    },
    key=str,
)


def test_members_are_found() -> None:
    assert len(OPTIONAL_MEMBERS) > 50


@pytest.mark.parametrize(("model", "name"), OPTIONAL_MEMBERS, ids=lambda part: getattr(part, "__name__", part))
def test_null_gives_the_default(model: type[BaseModel], name: str) -> None:
    field = model.model_fields[name]
    alias = field.alias or name
    parsed, wrong = parsed_or_wrong_members(model, {alias: None})
    assert alias not in wrong
    assert parsed is None or getattr(parsed, name) == field.get_default(call_default_factory=True)


def parsed_or_wrong_members(model: type[BaseModel], value: Any) -> tuple[BaseModel | None, set[int | str]]:
    """Return the parsed value, or None and the members that are wrong, the missing ones included."""
    try:
        return TypeAdapter(model).validate_json(json.dumps(value)), set()
    except ValidationError as error:
        return None, {mistake["loc"][0] for mistake in error.errors() if mistake["loc"]}


@pytest.mark.parametrize(
    ("operation", "member"),
    [
        ("StartChatContact", "Attributes"),
        ("StartChatContact", "SegmentAttributes"),
        ("CreateParticipantConnection", "ConnectParticipant"),
        ("GetTranscript", "SortOrder"),
        ("SearchContacts", "SearchCriteria"),
        ("SearchContacts", "SearchCriteria.Channels"),
        ("SearchContacts", "SearchCriteria.ContactTags"),
        ("SearchContacts", "SearchCriteria.SearchableContactAttributes.MatchType"),
    ],
)
def test_null_is_accepted(api: Api, chat: Chat, operation: str, member: str) -> None:
    answer = api.send(operation, with_member(valid_body(operation, chat), member, None), chat=chat)
    assert answer.status_code == 200, answer.text


def test_null_as_a_value_of_a_map_is_refused(api: Api, chat: Chat) -> None:
    body = {**valid_body("StartChatContact", chat), "Attributes": {"a": None}}
    assert_refused(api.send("StartChatContact", body), 400, "InvalidRequestException", "Attributes.a")
