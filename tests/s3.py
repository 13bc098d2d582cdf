"""An S3 server (moto) as a separate process, over HTTP on 127.0.0.1."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx

from tests.stack import free_ports

KEY = {"AWS_ACCESS_KEY_ID": "archive", "AWS_SECRET_ACCESS_KEY": "archive-secret", "AWS_REGION": "us-east-1"}
READY_SECONDS = 30


class S3:
    """The address of the server, and a client for its content."""

    def __init__(self, folder: Path) -> None:
        [self.port] = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "s3.log"

    @contextmanager
    def running(self) -> Generator[None]:
        """Run the server for the time of the block. It starts empty."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        with self._log.open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + READY_SECONDS
            while not self._answers():
                assert process.poll() is None, self._log.read_text()
                assert time.monotonic() < deadline, f"the S3 server does not answer:\n{self._log.read_text()}"
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(30)

    def client(self) -> Any:
        """Return a client of boto3."""
        return boto3.client(  # pyright: ignore[reportUnknownMemberType]
            "s3",
            endpoint_url=self.url,
            region_name=KEY["AWS_REGION"],
            aws_access_key_id=KEY["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEY["AWS_SECRET_ACCESS_KEY"],
        )

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/moto-api/", timeout=2).is_success
        except httpx.TransportError:
            return False
