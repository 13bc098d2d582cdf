"""Attachments in S3-compatible storage: sent, read in parts, checked by its address, and deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.api.calls import Api
from tests.api.uploads import SAMPLES, TEXT, send_file, url_of
from tests.s3 import KEY, S3
from tests.scanners import http_scanner
from tests.stack import SECRET, Stack

BUCKET = "files"


def keys(s3: Any) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_files_are_in_the_bucket_until_their_chat_is_deleted(tmp_path: Path) -> None:
    s3 = S3(tmp_path)
    with s3.serve(), http_scanner("APPROVED") as scans:
        s3.client().create_bucket(Bucket=BUCKET)
        where = {"PERENNIAL_ARCHIVE_URL": f"s3://{BUCKET}/chats", "PERENNIAL_ARCHIVE_ENDPOINT": s3.url}
        stack = Stack(tmp_path / "data", {**KEY, **where, "PERENNIAL_ATTACHMENT_SCANNER": scans.address})
        stack.start()
        with httpx.Client(base_url=stack.url, timeout=60) as http:
            api = Api(stack, http)
            chat = api.start()
            small = send_file(api, chat)
            type, head = SAMPLES["mp4"]
            film = head.ljust(19_000_000, b"\x07")  # several parts
            large = send_file(api, chat, "film.mp4", film, type)
            found = sorted(keys(s3.client()))
            assert [key.rpartition("/")[2] for key in found] == sorted([f"{small}.txt", f"{large}.mp4"])
            assert all(key.startswith("chats/demo/attachments/2") for key in found)
            assert httpx.get(url_of(api, chat, small)).content == TEXT
            url = url_of(api, chat, large)
            assert httpx.get(url).content == film
            assert httpx.get(url, headers={"range": "bytes=10-"}).content == film[10:]
            places = [request["File"]["FileLocation"]["S3Location"] for request in scans.requests]
            assert sorted(place["Key"] for place in places) == found
            assert {place["Bucket"] for place in places} == {BUCKET}
            deleted = api.http.delete(
                f"/v1/instances/demo/conversations/{chat.contact_id}", headers={"authorization": f"Bearer {SECRET}"}
            )
            assert deleted.is_success, deleted.text
            assert keys(s3.client()) == []
        assert stack.stop() == 0
