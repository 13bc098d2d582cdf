"""The probes of API and worker, in running processes whose Temporal server hangs."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.compat.chats import eventually
from tests.stack import Stack, free_ports, run_process

PROBE_SECONDS = 4.0
"""A probe takes a second at most, plus what a busy machine needs."""


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("probes"))
    running.start()
    yield running
    assert running.stop() == 0, running.log()


@pytest.fixture(params=["api", "worker"])
def url(own_stack: Stack, request: pytest.FixtureRequest) -> str:
    return {"api": own_stack.url, "worker": worker_url(own_stack)}[request.param]


def worker_url(stack: Stack) -> str:
    """The address of the worker's probes, as the start reports it."""
    found = re.findall(r"The worker answers probes and shows metrics on (\S+)", stack.log())
    assert found, stack.log()
    return found[-1]


def until(url: str, expected: Callable[[httpx.Response], bool], seconds: float = 30) -> httpx.Response:
    """Probe until an answer is as expected. Each probe must answer in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = httpx.get(url, timeout=PROBE_SECONDS)
        if expected(answer):
            return answer
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_answer_get_and_head(url: str, path: str) -> None:
    until(url + path, lambda answer: answer.is_success)
    head = httpx.head(url + path)
    assert (head.status_code, head.content) == (200, b"")
    assert httpx.get(url + path).headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_other_methods_are_answered_alike_by_all_processes(url: str, path: str) -> None:
    until(f"{url}/readyz", lambda answer: answer.is_success)
    answer = httpx.post(url + path)
    assert answer.status_code == 405
    assert {*answer.headers["allow"].split(", ")} == {"GET", "HEAD"}


def test_hanging_temporal_makes_a_process_not_ready_and_nothing_hangs(own_stack: Stack, url: str) -> None:
    until(f"{url}/readyz", lambda answer: answer.json() == {"status": "ready"})
    with own_stack.hanging_temporal():
        answer = until(f"{url}/readyz", lambda answer: answer.status_code == 503)
        assert answer.json()["status"] == "not ready"
        assert answer.json()["problems"]["engine"].startswith("It does not answer")
        assert httpx.get(f"{url}/healthz", timeout=PROBE_SECONDS).json() == {"status": "ok"}
    until(f"{url}/readyz", lambda answer: answer.is_success)


def test_worker_that_cannot_reach_temporal_is_alive_and_not_ready(own_stack: Stack, tmp_path: Path) -> None:
    [port] = free_ports(1)
    environment = {**own_stack.environment, "PERENNIAL_WORKER_PORT": str(port), "PERENNIAL_DATA_DIR": str(tmp_path)}
    environment |= {"TEMPORAL_ADDRESS": own_stack.temporal, "PERENNIAL_TEMPORAL_TASK_QUEUE": "others"}
    with own_stack.hanging_temporal():
        with run_process("worker", tmp_path, environment) as process:
            answer = wait_for_port(f"http://127.0.0.1:{port}/readyz")
            assert answer.json() == {
                "status": "not ready",
                "problems": {"process": "The process has not finished its start."},
            }
            assert httpx.get(f"http://127.0.0.1:{port}/healthz").is_success
            process.kill()


def test_worker_that_stops_is_not_ready_any_more(own_stack: Stack, tmp_path: Path) -> None:
    """Temporal hangs, so that the stop takes long enough to be seen."""
    [port] = free_ports(1)
    environment = {**own_stack.environment, "PERENNIAL_WORKER_PORT": str(port), "PERENNIAL_DATA_DIR": str(tmp_path)}
    environment |= {"TEMPORAL_ADDRESS": own_stack.temporal, "PERENNIAL_TEMPORAL_TASK_QUEUE": "others"}
    url = f"http://127.0.0.1:{port}/readyz"
    with run_process("worker", tmp_path, environment) as process:
        wait_for_port(url)
        until(url, lambda answer: answer.is_success)
        with own_stack.hanging_temporal():
            process.send_signal(signal.SIGTERM)
            answer = until(url, lambda answer: "process" in answer.json().get("problems", {}))
            assert (answer.status_code, answer.json()["problems"]) == (503, {"process": "The process stops."})
            process.kill()


def wait_for_port(url: str) -> httpx.Response:
    """The first answer of a process that starts."""

    def probe() -> httpx.Response | None:
        with suppress(httpx.TransportError):
            return httpx.get(url, timeout=PROBE_SECONDS)

    return eventually(probe, "answer", seconds=30)
