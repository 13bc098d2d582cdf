"""`make run` as a user sees it: it survives crashes, stops cleanly, and reports in one sentence why it cannot start."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from perennial import welcome
from runtime.settings import DEMO_SECRET, AccessKeySettings, Settings
from runtime.temporal import check_no_other_server
from runtime.version import VERSION
from tests.stack import ROOT, Stack, run_process

API = "http://127.0.0.1:8080"


@pytest.fixture
def own_stack(tmp_path: Path) -> Generator[Stack]:
    own = Stack(tmp_path / "data")
    own.start()
    yield own
    if own.process and own.process.poll() is None:
        assert own.stop() == 0, own.log()


def start_chat(stack: Stack) -> tuple[str, str]:
    """Start a chat with one message. Return its contact id and a connection token."""
    chat = stack.connect().start_chat_contact(
        InstanceId="demo", ContactFlowId="persistent", ParticipantDetails={"DisplayName": "Ada"}
    )
    answer = stack.participant().create_participant_connection(
        ParticipantToken=chat["ParticipantToken"], Type=["CONNECTION_CREDENTIALS"]
    )
    token = answer["ConnectionCredentials"]["ConnectionToken"]
    send(stack, token, "before")
    return chat["ContactId"], token


def send(stack: Stack, token: str, text: str) -> None:
    stack.participant().send_message(ConnectionToken=token, ContentType="text/plain", Content=text)


def messages(stack: Stack, token: str) -> list[str]:
    page = stack.participant().get_transcript(ConnectionToken=token, SortOrder="ASCENDING")
    return [item["Content"] for item in page["Transcript"] if item["Type"] == "MESSAGE"]


def assert_continues(stack: Stack, contact_id: str, token: str) -> None:
    """Check that the conversation has its message, and accepts another one, an agent and its end."""
    send(stack, token, "after")
    deadline = time.monotonic() + 30  # after a kill, Temporal first has to give up the dead worker
    while messages(stack, token) != ["before", "after"]:
        assert time.monotonic() < deadline, messages(stack, token)
    stack.connect().associate_contact_with_user(InstanceId="demo", ContactId=contact_id, UserId="a1")
    stack.connect().stop_contact(InstanceId="demo", ContactId=contact_id)
    contact = stack.connect().describe_contact(InstanceId="demo", ContactId=contact_id)["Contact"]
    assert contact["AgentInfo"]["Id"] == "a1"
    assert contact["DisconnectTimestamp"] > contact["InitiationTimestamp"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_is_clean_and_conversations_continue_after_a_restart(own_stack: Stack, number: int) -> None:
    contact_id, token = start_chat(own_stack)
    assert own_stack.stop(number) == 0
    assert "Traceback" not in own_stack.log()
    assert not (own_stack.folder / "temporal.pid").exists()
    own_stack.start()
    assert_continues(own_stack, contact_id, token)


@pytest.mark.chaos
def test_conversations_continue_after_all_processes_were_killed(own_stack: Stack) -> None:
    contact_id, token = start_chat(own_stack)
    own_stack.kill_everything()
    own_stack.start()
    assert_continues(own_stack, contact_id, token)


@pytest.mark.chaos
def test_conversations_continue_after_perennial_alone_was_killed(own_stack: Stack) -> None:
    contact_id, token = start_chat(own_stack)
    assert own_stack.process
    own_stack.process.kill()
    own_stack.process.wait()
    own_stack.start()  # the Temporal server of the killed process still uses the port and the file
    assert_continues(own_stack, contact_id, token)


@pytest.mark.chaos
def test_leftover_server_is_found_whatever_the_locale_and_the_terminal(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "daten-ü", {"LC_ALL": "C", "COLUMNS": "40"})
    stack.start()
    assert stack.process
    stack.process.kill()
    stack.process.wait()
    leftover = int((stack.folder / "temporal.pid").read_text())
    stack.start()
    assert has_ended(leftover)
    assert stack.stop() == 0


def has_ended(pid: int) -> bool:
    """Whether a process has ended. The system's first process may take a while to collect it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.chaos
def test_leftover_server_of_unknown_id_stops_the_start(tmp_path: Path) -> None:
    """The process was killed before it could note the id of its server."""
    stack = Stack(tmp_path / "data")
    stack.start()
    assert stack.process
    server = int((stack.folder / "temporal.pid").read_text())
    stack.process.kill()
    stack.process.wait()
    (stack.folder / "temporal.pid").write_text("")
    try:
        assert "a Temporal server of an earlier start still runs" in refusal(stack.environment)
        assert (stack.folder / "temporal.pid").exists()
    finally:
        os.kill(server, signal.SIGTERM)


def test_second_start_on_a_data_folder_is_refused(own_stack: Stack) -> None:
    assert "another Perennial already runs on the data folder" in refusal(own_stack.environment)


@pytest.mark.parametrize(
    ("variable", "service"),
    [
        ("PERENNIAL_API_PORT", "The API"),
        ("PERENNIAL_TEMPORAL_PORT", "Temporal"),
        ("PERENNIAL_UI_PORT", "The Temporal UI"),
    ],
)
def test_taken_port_is_named_with_its_variable(tmp_path: Path, variable: str, service: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = {**Stack(tmp_path).environment, variable: str(port)}
        sentence = refusal(environment)
    assert f"{service} cannot listen on 127.0.0.1:{port}" in sentence
    assert variable in sentence


WRONG_SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"PERENNIAL_API_PORT": "many"}, "api_port"),
    ({"PERENNIAL_API_HOST": "0.0.0.0"}, "the demo access key is configured"),
    ({"PERENNIAL_CONFIG": "no/such.toml"}, "there is no configuration file no/such.toml"),
    ({"PERENNIAL_CONFIG": "Makefile"}, "Makefile is not valid TOML"),
    ({"PERENNIAL_TOKEN_KEYS": '["short"]'}, "token_keys"),
    ({"PERENNIAL_TOKEN_KEYS": "short"}, 'PERENNIAL_TOKEN_KEYS must be a JSON list, such as ["'),
    ({"PERENNIAL_API_PROT": "8090"}, "PERENNIAL_API_PROT is not a setting"),
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
def test_wrong_setting_is_named(tmp_path: Path, wrong: dict[str, str], sentence: str) -> None:
    assert sentence in refusal({**Stack(tmp_path).environment, **wrong})


@pytest.mark.parametrize("folder", ["README.md", "README.md/data", "/proc/x"])
def test_unusable_data_folder_is_named(tmp_path: Path, folder: str) -> None:
    sentence = refusal({**Stack(tmp_path).environment, "PERENNIAL_DATA_DIR": folder})
    assert f"the data folder {folder} cannot be used (" in sentence
    assert "PERENNIAL_DATA_DIR" in sentence


@pytest.mark.parametrize("store", [{}, {"PERENNIAL_STORE_URL": "postgresql://me@127.0.0.1:1/x"}])
def test_separate_api_without_token_keys_is_refused(tmp_path: Path, store: dict[str, str]) -> None:
    sentence = refusal({**Stack(tmp_path).environment, **store}, "api")
    assert "PERENNIAL_TOKEN_KEYS is not set" in sentence
    assert not (tmp_path / "token.key").exists()


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"TEMPORAL_ADDRESS": "temporal.example.org:7233"}, "TEMPORAL_ADDRESS"),
        ({"TEMPORAL_NAMESPACE": "chats"}, "TEMPORAL_NAMESPACE"),
        ({"TEMPORAL_ADDRESS": "127.0.0.1:1", "TEMPORAL_API_KEY": "k"}, "TEMPORAL_ADDRESS, TEMPORAL_API_KEY"),
    ],
)
def test_all_in_one_start_with_another_temporal_server_is_refused(
    tmp_path: Path, variables: dict[str, str], named: str
) -> None:
    sentence = refusal({**Stack(tmp_path).environment, **variables})
    assert f"another Temporal server is configured ({named})" in sentence
    assert "python -m worker" in sentence


def test_all_in_one_start_accepts_the_address_of_its_own_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(tmp_path)
    settings = Settings(temporal_port=stack.temporal_port)
    for address in (stack.temporal, f"localhost:{stack.temporal_port}"):
        monkeypatch.setenv("TEMPORAL_ADDRESS", address)
        check_no_other_server(settings)


def test_start_reports_its_progress_and_where_everything_is(own_stack: Stack) -> None:
    steps = ["Starting Temporal...", "Opening the store", "Starting the worker and the API...", "Ready in "]
    log = own_stack.log()
    found = [log.find(step) for step in steps]
    assert -1 not in found, log
    assert found == sorted(found), log
    for line in (own_stack.url, f"http://127.0.0.1:{own_stack.ui_port}", f"temporal --address {own_stack.temporal}"):
        assert line in log


def test_port_0_starts_on_a_free_port_which_the_welcome_names(tmp_path: Path) -> None:
    environment = {**Stack(tmp_path).environment, "PERENNIAL_API_PORT": "0", "PERENNIAL_API_HOST": "::1"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "perennial"], cwd=ROOT, env=environment, stdout=log)
    try:
        found = None
        deadline = time.monotonic() + 60
        while not found:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
            found = re.search(r"API +(http://\[::1\]:\d+)\n", (tmp_path / "log").read_text())
        assert httpx.get(f"{found[1]}/healthz").is_success
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_worker_reports_that_it_runs(own_stack: Stack, tmp_path: Path) -> None:
    environment = {"TEMPORAL_ADDRESS": own_stack.temporal, "PERENNIAL_TEMPORAL_TASK_QUEUE": "others"}
    log = tmp_path / "worker.log"
    with run_process("worker", tmp_path, {**own_stack.environment, **environment, "PERENNIAL_DATA_DIR": str(tmp_path)}):
        deadline = time.monotonic() + 30
        while f"the worker runs conversations of task queue others on {own_stack.temporal}" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


def test_welcome_names_the_temporal_address_only_for_another_port_than_the_default() -> None:
    assert "--address" not in welcome(Settings(), {}, API)
    assert "temporal --address 127.0.0.1:7243" in welcome(Settings(temporal_port=7243), {}, API)


def test_welcome_says_what_a_power_cut_takes() -> None:
    assert "durability   process: survives the death of every process; a power cut can" in welcome(Settings(), {}, API)
    assert "durability   power: every write waits for the disk" in welcome(Settings(durability="power"), {}, API)


def test_welcome_reports_a_missing_access_key() -> None:
    key = AccessKeySettings(secret=DEMO_SECRET)
    assert "No access key is configured" in welcome(Settings(), {}, API)
    assert "No access key" not in welcome(Settings(access_keys={"perennial": key}), {}, API)


@pytest.mark.parametrize("module", ["perennial", "worker", "api"])
def test_help_and_version_are_printed_without_a_start(tmp_path: Path, module: str) -> None:
    for option, expected in (("--help", f"usage: python -m {module}"), ("--version", f"Perennial {VERSION}")):
        environment = {**Stack(tmp_path / "data").environment, "PERENNIAL_CONFIG": "no/such.toml"}
        done = run_to_end(environment, module, option)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(expected)
    assert not (tmp_path / "data").exists()


def run_to_end(environment: dict[str, str], module: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a process that ends by itself."""
    command = [sys.executable, "-m", module, *options]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def refusal(environment: dict[str, str], module: str = "perennial") -> str:
    """Start a process that must refuse to start. Return its one sentence; a traceback is a failure."""
    result = run_to_end(environment, module)
    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith("perennial: ")
    return lines[-1]
