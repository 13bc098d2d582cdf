"""Every filter and every signal of docs/operations.md, on the running stack, with Temporal's own command line."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from runtime.devserver import temporal_binary
from tests.stack import ROOT, Stack
from workflows.search import KEYS

PAGE = (ROOT / "docs" / "operations.md").read_text()
FILTERS = re.findall(r"^\| [^|`]+ \| `([^`]+)` \|$", PAGE, re.MULTILINE)
SIGNALS = re.findall(r"^temporal workflow signal -w \$CONTACT --name (\w+) --input '(.+)'$", PAGE, re.MULTILINE)
ATTRIBUTES = {
    name
    for row in re.findall(r"^\| ((?:`Chat\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    for name in re.findall(r"`(\w+)`", row)
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("operations"))
    stack.start()
    yield stack
    assert stack.stop() == 0


def temporal(stack: Stack, *arguments: str) -> str:
    """What the command prints."""
    command = [temporal_binary(), "--address", stack.temporal, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def status(stack: Stack, contact_id: str) -> dict[str, Any]:
    """The conversation's state as the documented query shows it, after everything that was signalled before."""
    answer = temporal(stack, "workflow", "query", "-w", contact_id, "--name", "status", "-o", "json")
    state: dict[str, Any] = json.loads(answer)["queryResult"][0]
    return state


def test_the_page_names_every_search_attribute() -> None:
    assert {key.name for key in KEYS} == ATTRIBUTES


@pytest.mark.parametrize("query", FILTERS)
def test_a_filter_is_understood(stack: Stack, query: str) -> None:
    temporal(stack, "workflow", "list", "--query", query)


def test_filters_find_what_they_say(stack: Stack) -> None:
    connect = stack.connect()
    chat = connect.start_chat_contact(
        InstanceId="demo", ContactFlowId="persistent", ParticipantDetails={"DisplayName": "Ada"}
    )
    contact_id = chat["ContactId"]
    assert contact_id in found(stack, f"ChatContacts = '{contact_id}' AND ChatState = 'OPEN'")
    connect.associate_contact_with_user(InstanceId="demo", ContactId=contact_id, UserId="a1")
    assert contact_id in found(stack, "ChatAgent = 'a1' AND ChatState IN ('ACTIVE', 'WAITING', 'WRAP_UP')")
    temporal(stack, "workflow", "signal", "-w", contact_id, "--name", "park", "--input", '{"by": "kim"}')
    since = "ChatStateSince > '2026-01-01T00:00:00Z'"
    assert contact_id in found(stack, f"ChatAgent = 'a1' AND ChatState = 'WAITING' AND {since}")
    temporal(stack, "workflow", "signal", "-w", contact_id, "--name", "resume", "--input", '{"by": "kim"}')
    temporal(stack, "workflow", "signal", "-w", contact_id, "--name", "release", "--input", '{"by": "kim"}')
    assert contact_id in found(stack, f"ChatContacts = '{contact_id}' AND ChatState = 'OPEN' AND ChatAgent IS NULL")


def found(stack: Stack, query: str) -> set[str]:
    """The workflows that a filter finds, once it finds any: lists are some seconds behind."""
    for _ in range(300):
        listed = json.loads(temporal(stack, "workflow", "list", "--query", query, "-o", "json"))
        if listed:
            return {workflow["execution"]["workflowId"] for workflow in listed}
    raise AssertionError(f"nothing is ever found: {query}")


OFFER = '{{"offer_id": "{}", "user": "a1", "name": "Agent One", "until": "2099-01-01T00:00:00Z"}}'
FIRST = {
    "reject": ("offer", OFFER.format("o2")),
    "withdraw": ("offer", OFFER.format("o3")),
    "end": ("assign", '{"user": "a1", "name": "Agent One"}'),
}
"""What must happen before, so that a signal makes sense."""


def test_every_signal_of_the_page_by_hand(stack: Stack) -> None:
    workstreams = {"position": "live"}
    told: dict[str, str] = {}
    contacts: dict[str, str] = {}
    for name, body in SIGNALS:
        workstream = workstreams.get(name, "persistent")
        if workstream not in contacts:
            chat = stack.connect().start_chat_contact(
                InstanceId="demo", ContactFlowId=workstream, ParticipantDetails={"DisplayName": "Ada"}
            )
            contacts[workstream] = chat["ContactId"]
        if name in FIRST:
            by_hand(stack, contacts[workstream], *FIRST[name])
        by_hand(stack, contacts[workstream], name, body)
        state = status(stack, contacts[workstream])
        assert state["refused_count"] == 0, state["refusals"]
        told[name] = state["state"]
        if name == "accept":
            by_hand(stack, contacts[workstream], "release", "{}")
    assert (told["offer"], told["reject"], told["withdraw"]) == ("OPEN", "OPEN", "OPEN")
    assert told["accept"] == told["assign"] == told["resume"] == "ACTIVE"
    assert (told["park"], told["release"], told["end"], told["close"]) == ("WAITING", "OPEN", "WRAP_UP", "CLOSED")


def by_hand(stack: Stack, contact_id: str, name: str, body: str) -> None:
    temporal(stack, "workflow", "signal", "-w", contact_id, "--name", name, "--input", body)


def test_the_cluster_is_told_of_the_search_attributes_by_a_command(stack: Stack) -> None:
    namespace = f"n-{uuid4()}"
    temporal(stack, "operator", "namespace", "create", "-n", namespace)
    environment = {**stack.environment, "TEMPORAL_ADDRESS": stack.temporal, "TEMPORAL_NAMESPACE": namespace}
    python = Path(temporal_binary()).with_name("python")
    done = subprocess.run(
        [python, "-m", "worker", "register"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert all(key.name in done.stdout for key in KEYS)
    known = temporal(stack, "operator", "search-attribute", "list", "-n", namespace)
    assert all(key.name in known for key in KEYS)


def test_all_conversations_are_renewed_by_one_command(stack: Stack) -> None:
    [command] = re.findall(r"^temporal (workflow signal --query .+)$", PAGE, re.MULTILINE)
    chat = stack.connect().start_chat_contact(
        InstanceId="demo", ContactFlowId="persistent", ParticipantDetails={"DisplayName": "Ada"}
    )
    found(stack, f"ChatContacts = '{chat['ContactId']}'")
    words = re.findall(r'"([^"]*)"|(\S+)', command)
    temporal(stack, *(quoted or plain for quoted, plain in words))
    for _ in range(300):
        described = json.loads(temporal(stack, "workflow", "describe", "-w", chat["ContactId"], "-o", "json"))
        if described["workflowExecutionInfo"]["execution"]["runId"] != described["workflowExecutionInfo"]["firstRunId"]:
            return
    raise AssertionError("it never continued as new")
