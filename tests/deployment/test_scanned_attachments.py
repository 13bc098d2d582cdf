"""A scanner looks at each attachment: what it rejects is fetched by nobody, and its verdict survives the death of a worker."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.calls import Api, assert_refused
from tests.api.uploads import TEXT, attachments_in, complete, send_file, started, transcript, url_of
from tests.compat.chats import Chat, eventually
from tests.scanners import BAD, BROKEN, SLOW, Scans, clamd, http_scanner
from tests.stack import SECRET, Stack

V = (400, "ValidationException")


@pytest.fixture(scope="module")
def scans() -> Iterator[Scans]:
    with clamd() as scans:
        yield scans


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, scans: Scans) -> Generator[Api]:
    stack = Stack(tmp_path_factory.mktemp("scanned"), {"PERENNIAL_ATTACHMENT_SCANNER": scans.address})
    stack.start()
    with httpx.Client(base_url=stack.url, timeout=30) as http:
        yield Api(stack, http)
    assert stack.stop() == 0, stack.log()
    assert "Traceback" not in stack.log()


def files_of(api: Api, chat: Chat) -> list[Path]:
    """All files of attachments of a chat, and all that are staged."""
    folder = api.stack.folder / "transcripts/demo/attachments"
    return [*folder.glob(f"*/*/*/{chat.contact_id}/*"), *folder.glob("staged/*")]


def status_of(api: Api, chat: Chat) -> str | None:
    found = attachments_in(transcript(api, chat))
    assert len(found) <= 1
    return found[0]["Attachments"][0]["Status"] if found else None


def assert_verdict(api: Api, chat: Chat, status: str) -> None:
    """CompleteAttachmentUpload answers after ten seconds also without a verdict, as on a busy machine."""
    eventually(lambda: status_of(api, chat), "verdict")
    assert status_of(api, chat) == status


def test_a_good_file_is_approved(api: Api, scans: Scans) -> None:
    chat, content = api.start(), b"x" * 1_000_000
    id = send_file(api, chat, content=content)
    assert_verdict(api, chat, "APPROVED")
    assert scans.contents[-1] == content
    assert httpx.get(url_of(api, chat, id)).content == content


@pytest.mark.parametrize("content", [BAD, BROKEN])
def test_a_rejected_file_is_shown_and_can_be_fetched_by_nobody(api: Api, content: bytes) -> None:
    """Also a file on which the scanner gives no verdict, after three tries."""
    chat = api.start()
    id, url = started(api, chat, size=len(content))
    api.http.put(url, content=content).raise_for_status()
    assert complete(api, chat, id).json() == {}
    assert_verdict(api, chat, "REJECTED")
    eventually(lambda: not files_of(api, chat), "deletion of the file")
    assert_refused(api.send("GetAttachment", {"AttachmentId": id}, chat=chat), *V, "rejected")
    path, key = f"/v1/contacts/{chat.contact_id}/attachments/{id}", {"authorization": f"Bearer {SECRET}"}
    backend = api.http.get(f"{path}?instance=demo", headers=key)
    assert_refused(backend, 404, "ResourceNotFoundException", "rejected")
    assert api.http.put(url, content=content).status_code == 403
    assert complete(api, chat, id).json() == {}
    assert status_of(api, chat) == "REJECTED"


def test_three_tries_are_made(api: Api, scans: Scans) -> None:
    chat, content = api.start(), BROKEN + b" again"
    send_file(api, chat, content=content)
    assert_verdict(api, chat, "REJECTED")
    assert scans.contents.count(content) == 3


def test_nobody_sees_a_file_before_the_verdict(api: Api, scans: Scans) -> None:
    chat = api.start()
    id, url = started(api, chat, size=len(SLOW))
    api.http.put(url, content=SLOW).raise_for_status()
    answers: list[httpx.Response] = []
    completing = threading.Thread(target=lambda: answers.append(complete(api, chat, id)))
    completing.start()
    eventually(lambda: SLOW in scans.contents, "scan")
    assert status_of(api, chat) is None
    assert_refused(api.send("GetAttachment", {"AttachmentId": id}, chat=chat), *V, "still being checked")
    completing.join(20)
    assert answers[0].json() == {}  # after ten seconds, without a verdict
    assert status_of(api, chat) is None
    api.stack.worker().kill()
    scans.go_on.set()
    eventually(lambda: status_of(api, chat) == "APPROVED", "verdict", seconds=90)
    assert httpx.get(url_of(api, chat, id)).content == SLOW
    assert complete(api, chat, id).json() == {}
    assert status_of(api, chat) == "APPROVED"


@pytest.mark.parametrize(
    ("answer", "status"), [("APPROVED", "APPROVED"), ("REJECTED", "REJECTED"), ("MAYBE", "REJECTED")]
)
def test_a_service_gets_the_request_of_amazon_connect(tmp_path: Path, answer: str, status: str) -> None:
    with http_scanner(answer) as scans:
        stack = Stack(tmp_path, {"PERENNIAL_ATTACHMENT_SCANNER": scans.address})
        stack.start()
        with httpx.Client(base_url=stack.url, timeout=30) as http:
            api = Api(stack, http)
            chat = api.start()
            id = send_file(api, chat)
            assert_verdict(api, chat, status)
        assert stack.stop() == 0
    request = scans.requests[0]
    file = request.pop("File")
    assert request == {"Version": "1.0", "InstanceId": "demo"}
    assert file.pop("FileCreationTime") > 1_700_000_000_000
    address = file.pop("FileLocation")["Url"]
    assert address.startswith(tmp_path.as_uri())
    assert address.endswith(f"/{chat.contact_id}/{id}.txt")
    assert file == {"FileId": id, "FileName": "bees.txt", "FileSizeInBytes": len(TEXT)}
