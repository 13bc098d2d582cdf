"""SIGKILL between every two steps of an attachment: its client repeats what was not answered, and there is one item."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.uploads import TEXT, attachments_in
from tests.compat.chats import eventually
from tests.deployment.crashing_process import OF_WORKER, Step
from tests.scanners import http_scanner
from tests.stack import SECRET, TOKEN_KEYS, free_ports, run_process
from tests.workflows.server import time_skipping_server

pytestmark = pytest.mark.chaos

DIRECT = [step for step in Step if step not in (Step.CHECK_STARTED, Step.SCANNED)]
CHECKED = [Step.KEPT, Step.CHECK_STARTED, Step.MARKED, *OF_WORKER]


class Client:
    """A client that repeats what was not answered, as ChatJS and boto3 do."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._http = httpx.Client(base_url=self.url, timeout=30)
        self._token = ""

    def start(self) -> str:
        """Start a chat, and return its contact id."""
        eventually(self._answers, "answer", seconds=60)
        body = {
            "InstanceId": "demo",
            "ContactFlowId": "persistent",
            "ParticipantDetails": {"DisplayName": "Ada"},
            "ConnectionTypes": ["CONNECTION_CREDENTIALS"],
        }
        started = self._http.put("/contact/chat", json=body, headers={"authorization": f"Bearer {SECRET}"})
        self._token = started.raise_for_status().json()["ConnectionCredentials"]["ConnectionToken"]
        return started.json()["ContactId"]

    def send_file(self) -> None:
        """Send a file, from the start: each operation has the same ClientToken as before."""
        eventually(self._answers, "answer", seconds=60)
        members = {"AttachmentName": "bees.txt", "AttachmentSizeInBytes": len(TEXT), "ContentType": "text/plain"}
        upload = self._post("start-attachment-upload", {**members, "ClientToken": "1"})
        # ChatJS looks at no status of the upload; it is refused once the file is accepted
        assert self._http.put(upload["UploadMetadata"]["Url"], content=TEXT).status_code in (200, 403)
        self._post("complete-attachment-upload", {"AttachmentIds": [upload["AttachmentId"]], "ClientToken": "2"})

    def attachments(self) -> list[dict[str, Any]]:
        """The items of attachments."""
        return attachments_in(self._post("transcript", {"MaxResults": 100})["Transcript"])

    def say(self, text: str) -> None:
        """Send a message, and wait until a worker has recorded it."""
        self._post("message", {"ContentType": "text/plain", "Content": text})

        def is_recorded() -> bool:
            items = self._post("transcript", {"MaxResults": 100})["Transcript"]
            return text in (item.get("Content") for item in items)

        eventually(is_recorded, "message", seconds=60)

    def content(self, item: dict[str, Any]) -> bytes:
        """The bytes of a file."""
        found = self._post("attachment", {"AttachmentId": item["Attachments"][0]["AttachmentId"]})
        return self._http.get(found["Url"]).raise_for_status().content

    def _post(self, operation: str, body: dict[str, Any]) -> Any:
        answer = self._http.post(f"/participant/{operation}", json=body, headers={"x-amz-bearer": self._token})
        assert answer.is_success, answer.text
        return answer.json()

    def _answers(self) -> bool:
        with suppress(httpx.TransportError):
            return self._http.get("/healthz").is_success
        return False


@contextmanager
def crashing(module: str, folder: Path, environment: dict[str, str], step: Step) -> Generator[subprocess.Popen[bytes]]:
    """Run the process that crashes, in place of a module."""
    own = {**environment, "CRASH_STEP": step, "PERENNIAL_WORKER_PORT": "0"}
    is_own = (module == "worker") == (step in OF_WORKER)
    with run_process("tests.deployment.crashing_process" if is_own else module, folder, own) as process:
        yield process


async def send_while_it_crashes(folder: Path, step: Step, **settings: str) -> None:
    """Send a file while a process crashes after a step, and go on with another process in its place."""
    async with time_skipping_server(folder) as temporal:
        [port] = free_ports(1)
        environment = {
            "TEMPORAL_ADDRESS": temporal.client.service_client.config.target_host,
            "PERENNIAL_TOKEN_KEYS": TOKEN_KEYS,
            "PERENNIAL_API_PORT": str(port),
            **settings,
        }
        client = Client(port)
        with ExitStack() as processes:
            first = {
                name: processes.enter_context(crashing(name, folder, environment, step)) for name in ("worker", "api")
            }
            client.start()
            with suppress(httpx.TransportError, AssertionError):
                client.send_file()
            name = "worker" if step in OF_WORKER else "api"
            assert first[name].wait(60) == -signal.SIGKILL
            processes.enter_context(run_process(name, folder, environment))
            client.send_file()
            [item] = eventually(client.attachments, "item", seconds=60)
            client.say("after")
            assert client.content(item) == TEXT
            client.send_file()
            assert [each["Id"] for each in client.attachments()] == [item["Id"]]
    files = [path for path in (folder / "transcripts/demo/attachments").rglob("*") if path.is_file()]
    assert sum("staged" not in path.parts for path in files) == 1


@pytest.mark.parametrize("step", DIRECT, ids=lambda step: step.name)
async def test_one_item_stands_when_a_process_is_killed(tmp_path: Path, step: Step) -> None:
    await send_while_it_crashes(tmp_path, step)


@pytest.mark.parametrize("step", CHECKED, ids=lambda step: step.name)
async def test_one_item_stands_when_a_process_is_killed_during_a_check(tmp_path: Path, step: Step) -> None:
    with http_scanner("APPROVED") as scans:
        await send_while_it_crashes(tmp_path, step, PERENNIAL_ATTACHMENT_SCANNER=scans.address)
