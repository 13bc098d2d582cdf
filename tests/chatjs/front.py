"""The front of deploy/Caddyfile, as a process on 127.0.0.1."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.stack import ROOT, free_ports

CADDY = Path(sys.executable).parent / "caddy"


@contextmanager
def running_front(folder: Path, api_urls: Sequence[str]) -> Generator[str]:
    """Run the front before API processes. Provides its URL."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    variables = {
        **os.environ,
        "SITE": url,
        "API_PROCESSES": " ".join(api_urls),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    command = [str(CADDY), "run", "--config", str(ROOT / "deploy" / "Caddyfile"), "--adapter", "caddyfile"]
    with (folder / "front.log").open("ab") as log:
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)
    try:
        yield url
    finally:
        process.terminate()
        process.wait(30)
