"""Who may do what: each cell of the tables of docs/security.md, with real requests, and no operation without a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from api.app import MODULES
from tests.access.caller import CONNECT, SOCKET, Caller
from tests.access.callers import PLANES
from tests.access.requests import BODIES, SUBJECTS, path_of
from tests.access.table import Cell, read_cells
from tests.access.tenants import CONFIGURATION, SAID_LATER, Tenants
from tests.api.calls import served
from tests.compat.chats import Chat

pytestmark = pytest.mark.slow

CELLS = read_cells()
AGENT_SOCKET = "GET /v1/agent/socket"
OWN_AFFAIRS = ("GET /instance", "GET /v1/agent", "PUT /v1/agent/status", "POST /v1/agent/socket-ticket", AGENT_SOCKET)
"""Operations that are about the caller alone."""
ABOUT_CHATS = ("Agents", "Offers", "Queues", "Supervisors")
EFFECTIVE = ("yes", "all", "until then")
"""Outcomes of callers who may do something in the chat."""


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    with served(
        tmp_path_factory.mktemp("access"),
        CONFIGURATION,
        PERENNIAL_AGENT_DISCONNECT_GRACE="P1D",
        PERENNIAL_PRESENCE_DEBOUNCE="P1D",
    ) as api:
        yield Tenants(api)


def callers_for(cell: Cell, tenants: Tenants) -> Sequence[Caller]:
    """New callers with a new chat. Who only reads or is refused changes nothing, so these are made once for operations alike."""
    operation = cell.operation
    kind = SUBJECTS.get(operation), operation if operation in (CONNECT, SOCKET) else "", cell.role
    make = partial(PLANES[cell.plane][cell.principal], tenants, operation, cell.role)
    only_reads = cell.plane in ABOUT_CHATS and operation.startswith("GET ")
    return tenants.kept((cell.plane, cell.principal, kind), make) if only_reads or cell.outcome.isdigit() else make()


def outcome_of(cell: Cell, caller: Caller) -> str:
    """What a caller gets, in the words of the tables."""
    operation = cell.operation
    if operation in (SOCKET, AGENT_SOCKET):
        refused, text = _open_socket(caller, operation), ""
    else:
        method, _, _ = operation.partition(" ")
        body = BODIES[operation](caller.target) if operation in BODIES else caller.body
        path = path_of(operation, caller.target)
        response = caller.target.tenants.api.http.request(method, path, headers=caller.headers, json=body)
        refused, text = None if response.is_success else response.status_code, response.text
    if refused:
        return str(refused)
    is_shown = any(each in text for each in caller.target.secrets)
    if operation == "POST /participant/transcript" and is_shown:
        return "all" if SAID_LATER in text else "until then"
    if (
        operation in OWN_AFFAIRS
        or caller.is_elsewhere
        or (operation.startswith("GET /v1/") and cell.plane in ABOUT_CHATS)
    ):
        return "yes" if is_shown else "own"
    return "yes"


def _open_socket(caller: Caller, operation: str) -> int | None:
    """Returns the status of a refusal; None: the socket opens."""
    url = caller.socket_url
    if operation == AGENT_SOCKET:
        url = caller.target.tenants.api.stack.url.replace("http", "ws", 1) + "/v1/agent/socket"
    try:
        with connect(url, additional_headers=caller.headers):
            return None
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.plane}: {cell.operation}: {cell.principal}")
def test_caller_gets_what_the_table_says(tenants: Tenants, cell: Cell) -> None:
    callers = callers_for(cell, tenants)
    before = transcripts(callers)
    for caller in callers:
        assert (caller.who, outcome_of(cell, caller)) == (caller.who, cell.outcome)
    if cell.outcome not in EFFECTIVE:
        assert transcripts(callers) == before


def transcripts(callers: Sequence[Caller]) -> dict[Chat, Any]:
    """What was said in the chats that the callers name."""
    tenants_of = {caller.target.chat: caller.target.tenants for caller in callers}
    return {chat: tenants.transcript(chat) for chat, tenants in tenants_of.items()}


@pytest.mark.parametrize("plane", PLANES)
def test_table_has_a_column_for_every_kind_of_caller(plane: str) -> None:
    assert {cell.principal for cell in CELLS if cell.plane == plane} == PLANES[plane].keys()


def test_every_operation_has_a_row() -> None:
    rows = [cell.operation for cell in CELLS if cell.principal == next(iter(PLANES[cell.plane]))]
    assert sorted(rows) == sorted({*rows})
    assert {*rows} >= {*operations()}


def operations() -> Iterator[str]:
    """All operations of the product, those with an action in their path once for each action."""
    for module in MODULES:
        for route in module.router.routes:
            yield from operations_of(route)


def operations_of(route: BaseRoute) -> Iterator[str]:
    if isinstance(route, APIWebSocketRoute):
        yield f"GET {route.path}"
    elif isinstance(route, APIRoute):
        actions = get_type_hints(route.endpoint).get("action")
        values = get_args(actions) if get_origin(actions) is Literal else ("",)
        for method in route.methods or ():
            yield from (f"{method} {route.path.replace('{action}', value)}" for value in values)
