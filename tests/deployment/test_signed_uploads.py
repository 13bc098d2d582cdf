"""Uploads straight to S3, by the URLs of StartAttachmentUpload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.api.calls import Api
from tests.api.uploads import SAMPLES, TEXT, attachments_in, complete, start_upload, transcript, url_of
from tests.s3 import KEY, S3
from tests.stack import NotStarted, Stack

BUCKET = "files"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    s3 = S3(tmp_path_factory.mktemp("s3"))
    with s3.serve():
        s3.client().create_bucket(Bucket=BUCKET)
        yield s3


@pytest.fixture(scope="module")
def api(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    where = {"PERENNIAL_ARCHIVE_URL": f"s3://{BUCKET}/chats", "PERENNIAL_ARCHIVE_ENDPOINT": s3.url}
    stack = Stack(tmp_path_factory.mktemp("data"), {**KEY, **where, "PERENNIAL_ATTACHMENT_UPLOADS": "s3"})
    stack.start()
    with httpx.Client(base_url=stack.url, timeout=60) as http:
        yield Api(stack, http)
    assert stack.stop() == 0


def keys(s3: S3) -> list[str]:
    return [entry["Key"] for entry in s3.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def started(api: Api, chat: Any, **members: Any) -> tuple[str, dict[str, Any]]:
    upload = start_upload(api, chat, **members).raise_for_status().json()
    return upload["AttachmentId"], upload["UploadMetadata"]


def put(upload: dict[str, Any], content: bytes) -> None:
    headers = {**upload["HeadersToInclude"], "Content-Length": str(len(content))}
    httpx.put(upload["Url"], content=content, headers=headers).raise_for_status()


def test_file_goes_to_the_bucket_without_the_api(api: Api, s3: S3) -> None:
    chat = api.start()
    id, upload = started(api, chat, name="Grüße.txt", ClientToken="one")
    assert upload["Url"].startswith(f"{s3.url}/{BUCKET}/chats/demo/attachments/staged/")
    signed = parse_qs(urlsplit(upload["Url"]).query)["X-Amz-SignedHeaders"]
    assert signed == ["content-disposition;content-length;content-type;host"]
    assert upload["HeadersToInclude"].keys() == {"Content-Type", "Content-Length", "Content-Disposition"}
    assert complete(api, chat, id).status_code == 400
    put(upload, TEXT)
    again, same = started(api, chat, name="Grüße.txt", ClientToken="one")
    assert (again, urlsplit(same["Url"]).path) == (id, urlsplit(upload["Url"]).path)
    for _ in range(2):
        complete(api, chat, id).raise_for_status()
    [item] = attachments_in(transcript(api, chat))
    assert item["Attachments"][0]["AttachmentName"] == "Grüße.txt"
    assert httpx.get(url_of(api, chat, id)).content == TEXT
    [key] = [key for key in keys(s3) if id in key]
    assert "staged" not in key


def test_late_write_changes_nothing(api: Api) -> None:
    chat = api.start()
    id, upload = started(api, chat)
    put(upload, TEXT)
    complete(api, chat, id).raise_for_status()
    put(upload, TEXT[::-1])
    complete(api, chat, id).raise_for_status()
    assert httpx.get(url_of(api, chat, id)).content == TEXT


@pytest.mark.parametrize("content", [TEXT[:-1], TEXT + b"!", bytes(len(TEXT))], ids=["shorter", "longer", "no text"])
def test_something_else_than_announced_is_refused(api: Api, content: bytes) -> None:
    chat = api.start()
    id, upload = started(api, chat)
    put(upload, content)  # moto checks no signature
    refused = complete(api, chat, id)
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (400, "ValidationException")
    put(upload, TEXT)
    complete(api, chat, id).raise_for_status()


def test_large_file_has_its_size_in_the_signature(api: Api) -> None:
    chat, (type, head) = api.start(), SAMPLES["mp4"]
    film = head.ljust(19_000_000, b"\x07")
    id, upload = started(api, chat, name="film.mp4", size=len(film), ContentType=type)
    put(upload, film)
    complete(api, chat, id).raise_for_status()
    assert httpx.get(url_of(api, chat, id)).content == film


def test_uploads_to_s3_need_an_archive_in_s3(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data", {"PERENNIAL_ATTACHMENT_UPLOADS": "s3"})
    with pytest.raises(NotStarted, match="attachment_uploads can be s3 only"):
        stack.start()
