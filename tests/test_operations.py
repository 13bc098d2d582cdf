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
from workflows.search_attributes import KEYS

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "operations.md").read_text()
UPGRADING = (ROOT / "docs" / "upgrading.md").read_text()
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
    """Run a Temporal command and return its output."""
    command = [temporal_binary(), "--address", stack.temporal, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def status(stack: Stack, contact_id: str) -> dict[str, Any]:
    """The state of a conversation from the documented query, which sees all earlier signals."""
    answer = temporal(stack, "workflow", "query", "-w", contact_id, "--name", "status", "-o", "json")
    state: dict[str, Any] = json.loads(answer)["queryResult"][0]
    return state


def test_page_names_every_search_attribute() -> None:
    assert {key.name for key in KEYS} == ATTRIBUTES


@pytest.mark.parametrize("query", FILTERS)
def test_filter_is_valid(stack: Stack, query: str) -> None:
    temporal(stack, "workflow", "list", "--query", query)


def test_filters_find_conversations_in_their_state(stack: Stack) -> None:
    connect = stack.connect()
    chat = connect.start_chat_contact(
        InstanceId="demo", ContactFlowId="persistent", ParticipantDetails={"DisplayName": "Ada"}
    )
    contact_id = chat["ContactId"]
    assert contact_id in find_workflows(stack, f"ChatContacts = '{contact_id}' AND ChatState = 'OPEN'")
    connect.associate_contact_with_user(InstanceId="demo", ContactId=contact_id, UserId="a1")
    assert contact_id in find_workflows(stack, "ChatAgent = 'a1' AND ChatState IN ('ACTIVE', 'WAITING', 'WRAP_UP')")
    temporal(stack, "workflow", "signal", "-w", contact_id, "--name", "park", "--input", '{"by": "kim"}')
    since = "ChatStateSince > '2026-01-01T00:00:00Z'"
    assert contact_id in find_workflows(stack, f"ChatAgent = 'a1' AND ChatState = 'WAITING' AND {since}")
    temporal(stack, "workflow", "signal", "-w", contact_id, "--name", "resume", "--input", '{"by": "kim"}')
    temporal(stack, "workflow", "signal", "-w", contact_id, "--name", "release", "--input", '{"by": "kim"}')
    assert contact_id in find_workflows(
        stack, f"ChatContacts = '{contact_id}' AND ChatState = 'OPEN' AND ChatAgent IS NULL"
    )


def find_workflows(stack: Stack, query: str) -> set[str]:
    """The workflows that a filter finds, as soon as it finds any. Temporal lists lag by some seconds."""
    for _ in range(300):
        listed = json.loads(temporal(stack, "workflow", "list", "--query", query, "-o", "json"))
        if listed:
            return {workflow["execution"]["workflowId"] for workflow in listed}
    raise AssertionError(f"no workflow found: {query}")


def test_every_signal_of_the_page_is_accepted(stack: Stack) -> None:
    workstreams = {"position": "live"}
    states: dict[str, str] = {}
    contacts: dict[str, str] = {}
    for name, body in SIGNALS:
        workstream = workstreams.get(name, "persistent")
        if workstream not in contacts:
            chat = stack.connect().start_chat_contact(
                InstanceId="demo", ContactFlowId=workstream, ParticipantDetails={"DisplayName": "Ada"}
            )
            contacts[workstream] = chat["ContactId"]
        send_signal(stack, contacts[workstream], name, body)
        state = status(stack, contacts[workstream])
        assert state["refused_count"] == 0, state["refusals"]
        states[name] = state["state"]
    assert (states["offer"], states["reject"], states["withdraw"]) == ("OPEN", "OPEN", "OPEN")
    assert states["accept"] == states["assign"] == states["resume"] == "ACTIVE"
    assert (states["park"], states["release"], states["end"], states["close"]) == (
        "WAITING",
        "OPEN",
        "WRAP_UP",
        "CLOSED",
    )


def send_signal(stack: Stack, contact_id: str, name: str, body: str) -> None:
    temporal(stack, "workflow", "signal", "-w", contact_id, "--name", name, "--input", body)


def test_command_registers_the_search_attributes(stack: Stack) -> None:
    namespace = f"n-{uuid4()}"
    temporal(stack, "operator", "namespace", "create", "-n", namespace)
    environment = {**stack.environment, "TEMPORAL_ADDRESS": stack.temporal, "TEMPORAL_NAMESPACE": namespace}
    python = Path(temporal_binary()).with_name("python")
    result = subprocess.run(
        [python, "-m", "worker", "register"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert all(key.name in result.stdout for key in KEYS)
    registered = temporal(stack, "operator", "search-attribute", "list", "-n", namespace)
    assert all(key.name in registered for key in KEYS)


def test_one_command_renews_all_conversations(stack: Stack) -> None:
    [command] = re.findall(r"^temporal (workflow signal --query .+)$", UPGRADING, re.MULTILINE)
    chat = stack.connect().start_chat_contact(
        InstanceId="demo", ContactFlowId="persistent", ParticipantDetails={"DisplayName": "Ada"}
    )
    find_workflows(stack, f"ChatContacts = '{chat['ContactId']}'")
    arguments = re.findall(r'"([^"]*)"|(\S+)', command)
    temporal(stack, *(quoted or plain for quoted, plain in arguments))
    for _ in range(300):
        described = json.loads(temporal(stack, "workflow", "describe", "-w", chat["ContactId"], "-o", "json"))
        if described["workflowExecutionInfo"]["execution"]["runId"] != described["workflowExecutionInfo"]["firstRunId"]:
            return
    raise AssertionError("the conversation did not continue as new")
