"""`make run` as a user meets it: going on after the worst, stopping cleanly, and clear sentences when it cannot start."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.stack import ROOT, Stack


@pytest.fixture
def own_stack(tmp_path: Path) -> Generator[Stack]:
    own = Stack(tmp_path / "data")
    own.start()
    yield own
    if own.process and own.process.poll() is None:
        assert own.stop() == 0, own.log()


def start_chat(stack: Stack) -> tuple[str, str]:
    """A chat with one message; its contact id and a connection token."""
    chat = stack.connect().start_chat_contact(
        InstanceId="demo", ContactFlowId="persistent", ParticipantDetails={"DisplayName": "Ada"}
    )
    answer = stack.participant().create_participant_connection(
        ParticipantToken=chat["ParticipantToken"], Type=["CONNECTION_CREDENTIALS"]
    )
    token = answer["ConnectionCredentials"]["ConnectionToken"]
    say(stack, token, "before")
    return chat["ContactId"], token


def say(stack: Stack, token: str, text: str) -> None:
    stack.participant().send_message(ConnectionToken=token, ContentType="text/plain", Content=text)


def said(stack: Stack, token: str) -> list[str]:
    page = stack.participant().get_transcript(ConnectionToken=token, SortOrder="ASCENDING")
    return [item["Content"] for item in page["Transcript"] if item["Type"] == "MESSAGE"]


def goes_on(stack: Stack, contact_id: str, token: str) -> None:
    """The conversation is where it was and takes more."""
    say(stack, token, "after")
    deadline = time.monotonic() + 30  # after a kill, Temporal gives the dead worker's tasks to the new one
    while said(stack, token) != ["before", "after"]:
        assert time.monotonic() < deadline, said(stack, token)
    stack.connect().associate_contact_with_user(InstanceId="demo", ContactId=contact_id, UserId="a1")
    stack.connect().stop_contact(InstanceId="demo", ContactId=contact_id)
    contact = stack.connect().describe_contact(InstanceId="demo", ContactId=contact_id)["Contact"]
    assert contact["AgentInfo"]["Id"] == "a1"
    assert contact["DisconnectTimestamp"] > contact["InitiationTimestamp"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_and_goes_on(own_stack: Stack, number: int) -> None:
    contact_id, token = start_chat(own_stack)
    assert own_stack.stop(number) == 0
    assert "Traceback" not in own_stack.log()
    assert not (own_stack.folder / "temporal.pid").exists()
    own_stack.start()
    goes_on(own_stack, contact_id, token)


@pytest.mark.chaos
def test_it_goes_on_after_everything_was_killed(own_stack: Stack) -> None:
    contact_id, token = start_chat(own_stack)
    own_stack.kill_everything()
    own_stack.start()
    goes_on(own_stack, contact_id, token)


@pytest.mark.chaos
def test_it_goes_on_after_it_alone_was_killed(own_stack: Stack) -> None:
    contact_id, token = start_chat(own_stack)
    assert own_stack.process
    own_stack.process.kill()
    own_stack.process.wait()
    own_stack.environment["COLUMNS"] = "40"  # no terminal's width may keep it from knowing its own
    own_stack.start()  # its Temporal server still runs on the port and the file
    goes_on(own_stack, contact_id, token)


def test_one_data_folder_is_for_one_perennial(own_stack: Stack) -> None:
    assert "another Perennial already runs on the data folder" in refusal(own_stack.environment)


@pytest.mark.parametrize(
    ("variable", "whose"),
    [
        ("PERENNIAL_API_PORT", "The API"),
        ("PERENNIAL_TEMPORAL_PORT", "Temporal"),
        ("PERENNIAL_UI_PORT", "The Temporal UI"),
    ],
)
def test_a_taken_port_is_named(tmp_path: Path, variable: str, whose: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = {**Stack(tmp_path).environment, variable: str(port)}
        sentence = refusal(environment)
    assert f"{whose} cannot listen on 127.0.0.1:{port}" in sentence
    assert variable in sentence


WRONG_SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"PERENNIAL_API_PORT": "many"}, "api_port"),
    ({"PERENNIAL_API_HOST": "0.0.0.0"}, "the demo access key is configured"),
    ({"PERENNIAL_CONFIG": "no/such.toml"}, "there is no configuration file no/such.toml"),
    ({"PERENNIAL_CONFIG": "Makefile"}, "Makefile is not valid TOML"),
    ({"PERENNIAL_TOKEN_KEYS": '["short"]'}, "token_keys"),
    ({"PERENNIAL_CONNECTION_TOKEN_LIFE": "PT10S"}, "connection_token_life"),
    ({"PERENNIAL_STORE_URL": "sqlite:///no/such/folder/store.db"}, "cannot be opened"),
    (
        {"PERENNIAL_STORE_URL": "postgresql://me:hidden@127.0.0.1:1/x"},
        "the store postgresql://me:***@127.0.0.1:1/x cannot",
    ),
    ({"PERENNIAL_STORE_URL": "mysql://here/x"}, "must be sqlite:///path or postgresql://"),
    (
        {"PERENNIAL_INSTANCES__demo__workstreams__live__texts__ended": "Bye {Nobody}"},
        "instances.demo.workstreams.live.texts.ended: there is no {Nobody}",
    ),
]


@pytest.mark.parametrize(("wrong", "sentence"), WRONG_SETTINGS)
def test_wrong_settings_are_named(tmp_path: Path, wrong: dict[str, str], sentence: str) -> None:
    assert sentence in refusal({**Stack(tmp_path).environment, **wrong})


@pytest.mark.parametrize("module", ["worker", "api"])
def test_a_process_alone_says_that_temporal_does_not_answer(tmp_path: Path, module: str) -> None:
    environment = {**Stack(tmp_path).environment, "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    assert "Temporal does not answer at 127.0.0.1:1" in refusal(environment, module)


def refusal(environment: dict[str, str], module: str = "perennial") -> str:
    """What it says when it does not start: one sentence, no traceback."""
    result = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith("perennial: ")
    return lines[-1]
