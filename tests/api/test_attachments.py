"""Attachments over HTTP: upload, completion, item and download."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from api.participant.attachments import UPLOAD_LIFE
from api.tokens import TokenKind
from tests.api.calls import Api, assert_refused
from tests.api.test_websocket import open_socket, receive, socket_url, subscribe
from tests.api.uploads import (
    SAMPLES,
    TEXT,
    attachments_in,
    complete,
    send_file,
    start_upload,
    started,
    transcript,
    url_of,
)
from tests.compat.chats import Chat
from tests.stack import SECRET

V = (400, "ValidationException")


@pytest.mark.parametrize("extension", SAMPLES)
def test_a_file_of_each_kind_is_sent_and_read_unchanged(api: Api, extension: str) -> None:
    type, content = SAMPLES[extension]
    chat, name = api.start(), f"Grüße \u2013 10 € 🐝.{extension.upper()}"
    id = send_file(api, chat, name, content, type)
    [item] = attachments_in(transcript(api, chat))
    assert item["Attachments"] == [
        {"AttachmentId": id, "AttachmentName": name, "ContentType": type, "Status": "APPROVED"}
    ]
    assert item.keys() & {"Content", "ContentType"} == set()
    assert (item["ParticipantId"], item["ParticipantRole"]) == (chat.participant_id, "CUSTOMER")
    assert (item["DisplayName"], item["ContactId"], item["InitialContactId"]) == ("Ada", *[chat.contact_id] * 2)
    file = httpx.get(url_of(api, chat, id))
    assert (file.status_code, file.content, file.headers["content-type"]) == (200, content, type)
    assert file.headers["content-length"] == str(len(content))
    encoded = file.headers["content-disposition"].partition("filename*=UTF-8''")[2]
    assert unquote(encoded) == name


def test_upload_has_a_url_and_headers_that_browsers_and_phones_can_send(api: Api, chat: Chat) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    upload = start_upload(api, chat, "Grüße.txt").json()["UploadMetadata"]
    headers = upload["HeadersToInclude"]
    assert headers.keys() == {"Content-Type", "Content-Length", "Content-Disposition"}
    assert headers["Content-Disposition"] == "attachment; filename=\"Gr__e.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt"
    assert all(value.isascii() for value in headers.values())
    assert len(upload["Url"]) <= 2_000
    expiry = datetime.strptime(upload["UrlExpiry"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert before + UPLOAD_LIFE <= expiry <= datetime.now(UTC) + UPLOAD_LIFE


def test_a_repeat_has_the_same_attachment(api: Api) -> None:
    chat = api.start()
    first, again = (start_upload(api, chat, ClientToken="same").json() for _ in range(2))
    assert first["AttachmentId"] == again["AttachmentId"]
    another = start_upload(api, chat, "other.txt", ClientToken="same")
    assert_refused(another, 409, "ConflictException", "ClientToken")


def test_completing_twice_gives_one_item(api: Api) -> None:
    chat = api.start()
    id = send_file(api, chat)
    assert complete(api, chat, id).json() == {}
    api.http.post(
        "/participant/message",
        headers={"x-amz-bearer": chat.token},
        json={"ContentType": "text/plain", "Content": "after"},
    ).raise_for_status()
    items = transcript(api, chat)
    assert [item["Id"] for item in attachments_in(items)] == [id]
    assert items[-1]["Content"] == "after"


def test_the_item_comes_over_the_socket(api: Api) -> None:
    chat = api.start()
    with open_socket(socket_url(api, chat)) as socket:
        subscribe(socket)
        id = send_file(api, chat)
        while "Attachments" not in (frame := receive(socket)).get("content", ""):
            pass
    assert frame["contentType"] == "application/vnd.amazonaws.connect.message.attachment"
    item = json.loads(frame["content"])
    assert (item["Type"], item["Attachments"][0]["AttachmentId"], item["Id"]) == ("ATTACHMENT", id, id)
    assert item.keys() & {"Content", "ContentType"} == set()


def test_the_latest_upload_counts_until_the_completion(api: Api) -> None:
    chat = api.start()
    id, url = started(api, chat, size=5)
    for content in (b"first", b"later"):
        put = api.http.put(url, content=content)
        assert (put.status_code, put.content) == (200, b"")
    complete(api, chat, id).raise_for_status()
    assert_refused(api.http.put(url, content=b"third"), 403, "AccessDeniedException", "complete")
    assert httpx.get(url_of(api, chat, id)).content == b"later"


def test_files_are_beside_the_archive(api: Api) -> None:
    chat = api.start()
    id = send_file(api, chat)
    folder = Path(api.stack.folder) / "transcripts/demo/attachments"
    day = f"{datetime.now(UTC):%Y/%m/%d}"
    assert (folder / day / chat.contact_id / f"{id}.txt").read_bytes() == TEXT
    assert not [path for path in folder.glob("staged/*") if path.name.startswith(id)]


@pytest.mark.parametrize(
    ("part", "status", "content"),
    [
        ("bytes=0-4", 206, TEXT[:5]),
        ("bytes=5-", 206, TEXT[5:]),
        ("bytes=-3", 206, TEXT[-3:]),
        ("bytes=3-999999", 206, TEXT[3:]),
        ("bytes=999-1000", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=5-2", 200, TEXT),
        ("bytes=0-1,3-4", 200, TEXT),
        ("lines=1-2", 200, TEXT),
        ("bytes=" + "9" * 5_000 + "-", 200, TEXT),
    ],
)
def test_a_part_of_a_file_can_be_read(api: Api, file_url: str, part: str, status: int, content: bytes) -> None:
    answer = api.http.get(file_url, headers={"range": part})
    assert (answer.status_code, answer.content) == (status, content)
    assert answer.headers["accept-ranges"] == "bytes"
    if status == 206:
        start = TEXT.index(content)
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(content) - 1}/{len(TEXT)}"


@pytest.fixture(scope="module")
def file_url(api: Api) -> str:
    chat = api.start()
    return url_of(api, chat, send_file(api, chat))


def test_nothing_of_a_file_runs_in_a_browser(api: Api) -> None:
    chat = api.start()
    shown: dict[str, str] = {}
    for extension in ("png", "pdf", "mp4", "wav", "txt", "csv", "docx", "rtf"):
        type, content = SAMPLES[extension]
        id = send_file(api, chat, f"a.{extension}", content, type)
        answer = httpx.get(url_of(api, chat, id, UrlContentDisposition="INLINE"))
        shown[extension] = answer.headers["content-disposition"].partition(";")[0]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert answer.headers["cache-control"] == "private, no-store"
    inline = dict.fromkeys(("png", "pdf", "mp4", "wav", "txt"), "inline")
    assert shown == {**inline, **dict.fromkeys(("csv", "docx", "rtf"), "attachment")}


def test_head_tells_the_size(api: Api, file_url: str) -> None:
    answer = api.http.head(file_url)
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", str(len(TEXT)))


def test_failed_download_has_a_status_and_no_body(api: Api) -> None:
    chat = api.start()
    id, upload = started(api, chat)
    expired = api.tokens().make(TokenKind.DOWNLOAD, id, timedelta(seconds=-1), by="x")
    gone = api.tokens().make(TokenKind.DOWNLOAD, id, timedelta(minutes=1), by="x")
    for token, status in ((expired, 403), (upload.rpartition("=")[2], 403), ("x", 403), ("", 403), (gone, 404)):
        answer = api.http.get(f"/participant/file?token={token}")
        assert (answer.status_code, answer.content) == (status, b"")


def test_url_of_a_file_expires_as_asked(api: Api) -> None:
    chat = api.start()
    id = send_file(api, chat)
    for seconds, members in ((300, {}), (5, {"UrlExpiryInSeconds": 5})):
        before = datetime.now(UTC) - timedelta(seconds=1)
        answer = api.send("GetAttachment", {"AttachmentId": id, **members}, chat=chat).json()
        assert answer["AttachmentSizeInBytes"] == len(TEXT)
        left = datetime.fromisoformat(answer["UrlExpiry"]) - before
        assert timedelta(seconds=seconds) <= left <= timedelta(seconds=seconds + 5)


def test_pages_of_other_origins_may_send_and_get_files(api: Api, file_url: str) -> None:
    origin = {"origin": "http://localhost:3000"}
    asked = {
        "access-control-request-method": "PUT",
        "access-control-request-headers": "content-type,content-disposition,x-amz-acl,x-amz-meta-contact_id",
    }
    preflight = api.http.options("/participant/file", headers={**origin, **asked})
    assert preflight.status_code == 200
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert api.http.get(file_url, headers=origin).headers["access-control-allow-origin"] == origin["origin"]
    refused = api.http.get("/participant/file?token=x", headers=origin)
    assert refused.headers["access-control-allow-origin"] == origin["origin"]


def test_backend_reads_files_also_after_the_end(api: Api) -> None:
    chat = api.start()
    id = send_file(api, chat)
    api.end(chat)
    key = {"authorization": f"Bearer {SECRET}"}
    path = f"/v1/contacts/{chat.contact_id}/attachments/{id}?instance=demo"
    answer = api.http.get(path, headers=key)
    assert (answer.status_code, answer.content) == (200, TEXT)
    assert answer.headers["content-disposition"].startswith("attachment")
    shown = api.http.get(f"{path}&disposition=inline", headers=key)
    assert shown.headers["content-disposition"].startswith("inline")
    other = api.start()
    unknown = api.http.get(f"/v1/contacts/{other.contact_id}/attachments/{id}?instance=demo", headers=key)
    assert_refused(unknown, 404, "ResourceNotFoundException", "attachment_id")


def test_transcripts_for_backends_name_the_file(api: Api) -> None:
    chat = api.start()
    id = send_file(api, chat, "bees and more.txt")
    path, key = f"/v1/contacts/{chat.contact_id}/transcript?instance=demo", {"authorization": f"Bearer {SECRET}"}
    [item] = attachments_in(api.http.get(path, headers=key).json()["Transcript"])
    assert item["Attachments"][0]["AttachmentId"] == id
    assert "Ada sent a file: bees and more.txt" in api.http.get(f"{path}&format=text", headers=key).text


def test_receipts_work_on_the_item(api: Api) -> None:
    chat = api.start()
    bot = _bot(api, chat)
    id = send_file(api, bot)
    content = json.dumps({"messageId": id})
    body = {"ContentType": "application/vnd.amazonaws.connect.event.message.read", "Content": content}
    assert api.send("SendEvent", body, chat=chat).status_code == 200
    [item] = attachments_in(transcript(api, chat))
    [receipt] = item["MessageMetadata"]["Receipts"]
    assert receipt["RecipientParticipantId"] == chat.participant_id
    assert receipt["ReadTimestamp"]


def test_bots_send_files_and_get_none(api: Api) -> None:
    chat = api.start()
    id = send_file(api, _bot(api, chat))
    refused = api.send("GetAttachment", {"AttachmentId": id}, chat=_bot(api, chat))
    assert_refused(refused, 403, "AccessDeniedException", "Bots")
    assert httpx.get(url_of(api, chat, id)).content == TEXT


def test_ended_chat_takes_no_file_and_still_shows_its_files(api: Api) -> None:
    chat = api.start()
    id = send_file(api, chat)
    begun, url = started(api, chat)
    api.http.put(url, content=TEXT).raise_for_status()
    api.end(chat)
    assert_refused(start_upload(api, chat), 403, "AccessDeniedException", "ended")
    assert_refused(complete(api, chat, begun), 403, "AccessDeniedException", "ended")
    assert httpx.get(url_of(api, chat, id)).content == TEXT


def _bot(api: Api, chat: Chat) -> Chat:
    body = {
        "InstanceId": "demo",
        "ContactId": chat.contact_id,
        "ParticipantDetails": {"ParticipantRole": "CUSTOM_BOT", "DisplayName": "Bot"},
    }
    made = api.send("CreateParticipant", body).raise_for_status().json()
    token = made["ParticipantCredentials"]["ParticipantToken"]
    joined = api.send("CreateParticipantConnection", {"Type": ["CONNECTION_CREDENTIALS"]}, token=token)
    connection = joined.raise_for_status().json()["ConnectionCredentials"]["ConnectionToken"]
    return Chat(chat.contact_id, made["ParticipantId"], token, connection)
