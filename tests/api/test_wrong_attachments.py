"""Lies about files, foreign files, and too many of them: the right error, and nothing in the transcript."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from api.http_protocol import REQUEST_SECONDS
from api.tokens import TokenKind
from tests.api.calls import Api, assert_refused, served
from tests.api.uploads import SAMPLES, TEXT, attachments_in, complete, send_file, start_upload, started, transcript
from tests.compat.chats import Chat

V = (400, "ValidationException")


@pytest.mark.parametrize(
    "name",
    ["../bees.txt", "a/bees.txt", "a\\bees.txt", "a\r\nb.txt", "a\x7f.txt", "a\u2028.txt", "txt.\u202eexe.txt"],
)
def test_misleading_name_is_refused(api: Api, chat: Chat, name: str) -> None:
    assert_refused(start_upload(api, chat, name), *V, "AttachmentName: must be a file name")


def test_name_of_256_emoji_is_kept(api: Api) -> None:
    chat, name = api.start(), "🐝" * 252 + ".txt"
    send_file(api, chat, name)
    [item] = attachments_in(transcript(api, chat))
    assert item["Attachments"][0]["AttachmentName"] == name
    assert_refused(start_upload(api, chat, "🐝" * 256), *V, "AttachmentName")
    assert_refused(start_upload(api, chat, "🐝" * 253 + ".txt"), *V, "AttachmentName")


@pytest.mark.parametrize(
    "name", ["program.exe", "page.html", "picture.svg", "txt", "bees.", "bees.txt.js", ".htaccess"]
)
def test_other_kinds_are_refused(api: Api, chat: Chat, name: str) -> None:
    assert_refused(start_upload(api, chat, name), *V, "AttachmentName: this chat takes csv, doc,")


@pytest.mark.parametrize("type", ["", "image/png", "text/html", "text", "text/plain2", "application/octet-stream"])
def test_content_type_of_another_kind_is_refused(api: Api, chat: Chat, type: str) -> None:
    assert_refused(start_upload(api, chat, ContentType=type), *V, "ContentType: must be text/plain for a txt file")


@pytest.mark.parametrize("type", ["text/plain", "TEXT/Plain", "text/plain; charset=utf-8"])
def test_content_type_may_have_parameters(api: Api, chat: Chat, type: str) -> None:
    upload = start_upload(api, chat, ContentType=type).json()["UploadMetadata"]
    assert upload["HeadersToInclude"]["Content-Type"] == "text/plain"


def test_too_large_a_file_is_refused(api: Api, chat: Chat) -> None:
    assert_refused(start_upload(api, chat, size=20 * 1024 * 1024 + 1), *V, "AttachmentSizeInBytes")


@pytest.mark.parametrize("content", [b"", TEXT[:-1], TEXT + b"!"])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_upload_of_another_size_is_refused(api: Api, content: bytes, is_chunked: bool) -> None:
    chat = api.start()
    id, url = started(api, chat)
    put = api.http.put(url, content=iter([content]) if is_chunked else content)
    assert_refused(put, *V, f"{len(TEXT)} bytes")
    assert_refused(complete(api, chat, id), *V, "nothing was uploaded for 'bees.txt'")
    assert attachments_in(transcript(api, chat)) == []


def test_completing_what_was_never_sent_is_refused(api: Api) -> None:
    chat = api.start()
    id, _ = started(api, chat)
    assert_refused(complete(api, chat, id), *V, "nothing was uploaded for 'bees.txt'")


@pytest.mark.parametrize("extension", SAMPLES)
def test_renamed_program_is_refused(api: Api, extension: str) -> None:
    chat, program = api.start(), b"MZ\x90\x00" + bytes(200)
    id, url = started(api, chat, f"bees.{extension}", len(program), ContentType=SAMPLES[extension][0])
    api.http.put(url, content=program).raise_for_status()
    assert_refused(complete(api, chat, id), *V, f"'bees.{extension}'")
    assert attachments_in(transcript(api, chat)) == []


def test_nobody_else_completes_an_upload(api: Api) -> None:
    chat, other = api.start(), api.start()
    id, url = started(api, chat)
    api.http.put(url, content=TEXT).raise_for_status()
    assert_refused(complete(api, other, id), *V, "no attachment")
    complete(api, chat, id).raise_for_status()


def test_file_of_another_chat_is_unknown(api: Api, chat: Chat) -> None:
    other = api.start()
    for id in (send_file(api, other), "unknown", started(api, other)[0]):
        refused = api.send("GetAttachment", {"AttachmentId": id}, chat=chat)
        assert_refused(refused, *V, f"AttachmentId: there is no attachment '{id}' in this chat.")


def test_file_that_was_not_completed_is_unknown(api: Api) -> None:
    chat = api.start()
    id, url = started(api, chat)
    api.http.put(url, content=TEXT).raise_for_status()
    assert_refused(api.send("GetAttachment", {"AttachmentId": id}, chat=chat), *V, "no attachment")


def test_upload_url_is_good_for_this_upload_alone(api: Api) -> None:
    chat = api.start()
    id, url = started(api, chat)
    expired = api.tokens().make(TokenKind.UPLOAD, id, timedelta(seconds=-1), by="x")
    for token in (
        expired,
        "x",
        "",
        chat.token,
        api.tokens().make(TokenKind.DOWNLOAD, id, timedelta(minutes=1), by="x"),
    ):
        put = api.http.put(f"/participant/file?token={token}", content=TEXT)
        assert_refused(put, 403, "AccessDeniedException", "token")
    assert api.http.get(url).status_code == 403


def test_a_chat_has_35_files(api: Api) -> None:
    chat = api.start()
    ids = [started(api, chat)[0] for _ in range(35)]
    assert len(set(ids)) == 35
    assert_refused(start_upload(api, chat), 402, "ServiceQuotaExceededException", "35 attachments")
    # a repeat is no new one
    repeated = api.start()
    assert len({started(api, repeated, ClientToken="same")[0] for _ in range(40)}) == 1


def test_a_large_upload_takes_little_memory(api: Api) -> None:
    """Twenty clients send 20 MB each, at the same time, and the process takes a fraction of it."""
    assert api.stack.process
    process, size = psutil.Process(api.stack.process.pid), 20 * 1024 * 1024
    chats = [api.start() for _ in range(20)]
    urls = [started(api, chat, "film.mp4", size, ContentType="video/mp4") for chat in chats]
    before = process.memory_info().rss
    content = SAMPLES["mp4"][1].ljust(size, b"\0")
    peak = 0

    async def send_all() -> None:
        nonlocal peak
        async with httpx.AsyncClient(timeout=120) as http:
            tasks = [asyncio.create_task(http.put(url, content=content)) for _, url in urls]
            while not all(task.done() for task in tasks):
                peak = max(peak, process.memory_info().rss)
                await asyncio.sleep(0.02)
            assert [(await task).status_code for task in tasks] == [200] * 20

    asyncio.run(send_all())
    assert peak - before < 10 * size
    for chat, (id, _) in zip(chats, urls, strict=True):
        complete(api, chat, id).raise_for_status()


def test_an_upload_of_a_byte_a_minute_is_cut_off(api: Api) -> None:
    chat = api.start()
    id, url = started(api, chat)
    with socket.create_connection(("127.0.0.1", api.stack.api_port)) as connection:
        connection.settimeout(REQUEST_SECONDS + 10)
        target = url.partition(str(api.stack.api_port))[2]
        connection.sendall(f"PUT {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(TEXT)}\r\n\r\nB".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
    assert_refused(complete(api, chat, id), *V, "nothing was uploaded")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A Perennial with workstreams that take few files, or none, and one whose bots read them."""
    configuration = """
    access_keys.all = { secret = "perennial-demo-secret" }
    [instances.demo.workstreams]
    persistent = { mode = "persistent", queue = "q", attachments = { extensions = ["PNG"], max_bytes = 200 } }
    off = { mode = "persistent", queue = "q", attachments = "off" }
    bots = { mode = "persistent", queue = "q", bots_read_attachments = true }
    """
    with served(tmp_path_factory.mktemp("strict"), configuration) as api:
        yield api


@pytest.mark.slow
def test_a_workstream_takes_few_files(strict: Api) -> None:
    chat = strict.start()
    type, content = SAMPLES["png"]
    send_file(strict, chat, "bees.png", content, type)
    assert_refused(start_upload(strict, chat), *V, "this chat takes png files only")
    large = start_upload(strict, chat, "bees.png", 201, ContentType=type)
    assert_refused(large, *V, "at most 200 bytes")


@pytest.mark.slow
def test_a_workstream_takes_no_files(strict: Api) -> None:
    assert_refused(start_upload(strict, strict.start("off")), *V, "takes no attachments")


@pytest.mark.slow
def test_bots_read_files_where_they_may(strict: Api) -> None:
    chat = strict.start("bots")
    id = send_file(strict, chat)
    body: dict[str, Any] = {
        "InstanceId": "demo",
        "ContactId": chat.contact_id,
        "ParticipantDetails": {"ParticipantRole": "CUSTOM_BOT", "DisplayName": "Bot"},
    }
    made = strict.send("CreateParticipant", body).raise_for_status().json()
    token = made["ParticipantCredentials"]["ParticipantToken"]
    joined = strict.send("CreateParticipantConnection", {"Type": ["CONNECTION_CREDENTIALS"]}, token=token).json()
    bot = Chat(chat.contact_id, "", token, joined["ConnectionCredentials"]["ConnectionToken"])
    url = strict.send("GetAttachment", {"AttachmentId": id}, chat=bot).raise_for_status().json()["Url"]
    assert httpx.get(url).content == TEXT


@pytest.mark.slow
def test_without_an_archive_there_are_no_attachments(tmp_path: Path) -> None:
    configuration = """
    access_keys.all = { secret = "perennial-demo-secret" }
    instances.demo.workstreams.persistent = { mode = "persistent", queue = "q" }
    """
    with served(tmp_path, configuration, PERENNIAL_ARCHIVE_URL="off") as api:
        assert_refused(start_upload(api, api.start()), *V, "takes no attachments")
