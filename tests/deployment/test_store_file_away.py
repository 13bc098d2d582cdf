"""The file of a SQLite store is locked, moved away, or can grow no more: requests are refused in time, and all comes back."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import psutil
import pytest

from tests.deployment.test_probes import until, worker_url
from tests.deployment.test_processes import credentials, frame, post, start_chat, subscribe
from tests.stack import SECRET, Stack
from tests.workflows.engine import eventually

LIMIT_SECONDS = 14
"""10 s for the lock, and room for a slow machine."""

SECONDS_AWAY = 3


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    folder = tmp_path_factory.mktemp("away")
    (folder / "store").mkdir()
    running = Stack(folder, {"PERENNIAL_STORE_URL": f"sqlite:///{folder / 'store' / 'store.db'}"})
    running.start()
    yield running
    running.stop()


@contextmanager
def locked(stack: Stack) -> Generator[None]:
    with closing(sqlite3.connect(stack.folder / "store" / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def moved(stack: Stack) -> Generator[None]:
    there = stack.folder / "store"
    there.rename(stack.folder / "elsewhere")
    yield
    (stack.folder / "elsewhere").rename(there)


@contextmanager
def full(stack: Stack) -> Generator[None]:
    """No file of the processes can grow, also not their log."""
    assert stack.process
    processes = [psutil.Process(stack.process.pid), stack.worker()]
    for process in processes:
        process.rlimit(psutil.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    yield
    for process in processes:
        process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("away", [locked, moved, full])
async def test_requests_are_refused_in_time_and_everything_comes_back(stack: Stack, away: Any) -> None:
    url = stack.url
    chat = await start_chat(url)
    token = await credentials(url, chat)
    async with await subscribe(url, chat) as socket:
        await post(url, "message", token, {"ContentType": "text/plain", "Content": "before"})
        await frame(socket, Content="before")
        log_before = len(stack.log())
        begun = time.monotonic()
        with away(stack):
            while time.monotonic() - begun < SECONDS_AWAY:
                answer, seconds = await try_to_start(url)
                assert answer.status_code == 503, answer.text
                assert answer.headers["x-amzn-errortype"] == "InternalServiceException"
                assert answer.headers["retry-after"]
                assert seconds < LIMIT_SECONDS
            if away is locked:  # reads still succeed
                for process in (url, worker_url(stack)):
                    answer = until(f"{process}/readyz", lambda answer: answer.status_code == 503)
                    assert answer.json()["problems"]["store"]
        seconds_away = time.monotonic() - begun
        await eventually(lambda: started(url), "a chat starts")
        await post(url, "message", token, {"ContentType": "text/plain", "Content": "after"})
        await frame(socket, Content="after")
        log = stack.log()[log_before:]
        lines = [line for line in log.splitlines() if "the store does not answer" in line]
        assert len(lines) <= 2 * (seconds_away + 2), log  # two processes, one line a second
        assert lines or away is full
        assert " failed\nTraceback" not in log, log
        assert "StoreUnavailable" not in log, log


async def try_to_start(url: str) -> tuple[httpx.Response, float]:
    begun = time.monotonic()
    body = {"InstanceId": "demo", "ContactFlowId": "live", "ParticipantDetails": {"DisplayName": "Ada"}}
    async with httpx.AsyncClient(timeout=60) as http:
        answer = await http.put(f"{url}/contact/chat", json=body, headers={"Authorization": f"Bearer {SECRET}"})
    return answer, time.monotonic() - begun


async def started(url: str) -> bool | None:
    answer, _ = await try_to_start(url)
    assert answer.status_code in (200, 503), answer.text
    return answer.is_success or None
