"""Perennial for the tests of a team: a fixture that starts it on free ports, with its data in a temporary folder.

Set `PATH_OF_PERENNIAL` to a checkout in which `make install` has run. Nothing else is needed: no account, no network.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import boto3
import pytest

HOME = Path(os.environ.get("PATH_OF_PERENNIAL", Path(__file__).parents[2]))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="session")
def perennial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Perennial that runs for the session."""
    ports = {name: str(_free_port()) for name in ("API", "TEMPORAL", "UI")}
    environment = {
        **os.environ,
        "PERENNIAL_DATA_DIR": str(tmp_path_factory.mktemp("perennial")),
        **{f"PERENNIAL_{name}_PORT": port for name, port in ports.items()},
    }
    url = f"http://127.0.0.1:{ports['API']}"
    process = subprocess.Popen([HOME / ".venv/bin/python", "-m", "perennial"], cwd=HOME, env=environment)
    try:
        _wait_for(url + "/readyz", process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(url):
                return
        except (URLError, ConnectionError):
            time.sleep(0.1)
    raise RuntimeError("Perennial does not start")


@pytest.fixture(scope="session")
def aws(perennial: str) -> dict[str, str]:
    """The arguments of `boto3.client` that lead to it."""
    return {
        "endpoint_url": perennial,
        "region_name": "local",
        "aws_access_key_id": "perennial",
        "aws_secret_access_key": "perennial-demo-secret",
    }


@pytest.fixture
def connect(aws: dict[str, str]):
    """The client for Amazon Connect."""
    return boto3.client("connect", **aws)


@pytest.fixture
def participant(aws: dict[str, str]):
    """The client for participants of chats."""
    return boto3.client("connectparticipant", **aws)
