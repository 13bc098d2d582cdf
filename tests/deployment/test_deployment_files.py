"""The files of a deployment: linted, checked against their schemas, and their commands run as processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests import postgres
from tests.deployment.deployment_files import (
    TOOLS,
    compose_services,
    container_command,
    health_command,
    image_environment,
    instruction,
)
from tests.stack import QUIET, ROOT, free_ports
from tests.workflows.engine import eventually
from tests.workflows.server import time_skipping_server

MANIFESTS = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
SECRET = "the secret of a backend"
PROCESSES: tuple[str, ...] = ("worker-1", "worker-2", "api-1", "api-2")


def test_dockerfile_has_no_fault_that_hadolint_knows() -> None:
    done = subprocess.run([TOOLS / "hadolint", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.name)
def test_manifest_follows_the_schema_of_kubernetes(manifest: Path) -> None:
    command = [TOOLS / "kubernetes-validate", "--strict", manifest]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


def test_image_runs_no_shell_and_no_root() -> None:
    assert instruction("ENTRYPOINT").startswith('["python"')
    assert instruction("CMD").startswith("[")
    assert instruction("USER") == "10001:10001"


def test_image_holds_what_the_processes_import() -> None:
    """`.dockerignore` leaves everything out but what it names."""
    named = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - named == {"tests", "bench", "chaos", "fuzz", "scans"}
    assert {"*.py", "requirements.lock", "perennial.toml"} <= named


class Containers:
    """The processes of the compose file, without their containers: same commands, same environment, other addresses."""

    def __init__(self, folder: Path, temporal: str, store: str) -> None:
        self.folder = folder
        self._temporal = temporal
        self._processes = ExitStack()
        self.ports = dict(zip(PROCESSES, free_ports(len(PROCESSES)), strict=True))
        self._secrets = folder / "secrets"
        self._secrets.mkdir()
        (self._secrets / "store_url").write_text(store)
        (self._secrets / "token_keys").write_text('["a token key of at least 32 characters"]')
        (self._secrets / "encryption_keys").write_text('["an encryption key of at least 32 characters"]')
        (self._secrets / "codec_tokens").write_text('["a token of the codec of at least 32 characters"]')
        (self._secrets / "access_keys").write_text(f'{{"crm": {{"secret": "{SECRET}"}}}}')

    def start(self, name: str) -> None:
        """Start the process of a service."""
        service = compose_services()[name]
        (self.folder / "archive").mkdir(exist_ok=True)
        environment = {**image_environment(), **service["environment"], "TEMPORAL_ADDRESS": self._temporal, **QUIET}
        environment["PATH"] = f"{TOOLS}:{os.environ['PATH']}"
        environment["PERENNIAL_API_PORT"] = environment["PERENNIAL_WORKER_PORT"] = str(self.ports[name])
        for variable, value in environment.items():
            moved = value.replace("/run/secrets", str(self._secrets))
            environment[variable] = moved.replace("file:///archive", (self.folder / "archive").as_uri())
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(container_command(service), cwd=ROOT, env=environment, stdout=log, stderr=log)
        self._processes.callback(lambda: process.wait(30))
        self._processes.callback(process.terminate)

    def is_healthy(self, name: str) -> bool | None:
        """Whether the health check of a service succeeds."""
        port = str(self.ports[name])
        command = [re.sub(":808[01]/", f":{port}/", part) for part in health_command(compose_services()[name])]
        assert command[0] == "python"
        return subprocess.run([sys.executable, *command[1:]], capture_output=True, check=False).returncode == 0 or None

    def log(self, name: str) -> str:
        """The log of a process."""
        return (self.folder / f"{name}.log").read_text()

    def stop(self) -> None:
        """Stop all processes as a platform does."""
        self._processes.close()


@pytest.fixture
async def containers(tmp_path: Path) -> AsyncGenerator[Containers]:
    with postgres.server() as server:
        async with postgres.database(server) as store, time_skipping_server(tmp_path) as temporal:
            address = temporal.client.service_client.config.target_host
            running = Containers(tmp_path, address, store)
            yield running
            running.stop()


async def test_processes_of_the_compose_file_serve_a_chat(containers: Containers) -> None:
    for name in ("worker-1", "api-1", "api-2"):
        containers.start(name)

    async def healthy(name: str) -> bool | None:
        return containers.is_healthy(name)

    for name in ("worker-1", "api-1", "api-2"):
        await eventually(lambda name=name: healthy(name), f"{name} is healthy", seconds=60)
    body = {"InstanceId": "demo", "ContactFlowId": "live", "ParticipantDetails": {"DisplayName": "Ada"}}
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {SECRET}"}) as http:
        chat = await http.put(f"http://127.0.0.1:{containers.ports['api-1']}/contact/chat", json=body)
        assert chat.status_code == 200, chat.text
        path = f"/contacts/demo/{chat.json()['ContactId']}"
        contact = await http.get(f"http://127.0.0.1:{containers.ports['api-2']}{path}")
        assert contact.status_code == 200, contact.text
        demo = await http.get(
            f"http://127.0.0.1:{containers.ports['api-2']}{path}",
            headers={"Authorization": "Bearer perennial-demo-secret"},
        )
        assert demo.status_code == 403, "the demo key is valid in a deployment"

    assert "Traceback" not in containers.log("api-1") + containers.log("api-2") + containers.log("worker-1")
