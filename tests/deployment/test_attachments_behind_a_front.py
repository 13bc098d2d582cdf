"""Attachments through the front of deploy/Caddyfile: large ones, and slow ones."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from api.http_protocol import REQUEST_SECONDS
from engine.attachments import RESERVED
from tests.api.calls import Api
from tests.api.uploads import SAMPLES, complete, start_upload, started, url_of
from tests.chatjs.front import running_front
from tests.stack import ROOT, Stack

PIECES, PAUSE_SECONDS = 50, 0.6
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The API behind the front. Clients know only the address of the front."""
    folder = tmp_path_factory.mktemp("front")
    stack = Stack(folder / "data")
    stack.start()
    with (
        running_front(folder, [f"127.0.0.1:{stack.api_port}"]) as url,
        httpx.Client(base_url=url, timeout=60, transport=httpx.HTTPTransport(retries=20)) as http,
    ):
        yield Api(stack, http)
    assert stack.stop() == 0


def film(size: int) -> bytes:
    return SAMPLES["mp4"][1].ljust(size, b"\x07")


def test_large_file_passes_the_front_in_both_directions(front: Api) -> None:
    chat, content = front.start(), film(20 * MEGABYTE)
    id, url = started(front, chat, "film.mp4", len(content), ContentType="video/mp4")
    assert url.startswith(f"{front.http.base_url}/participant/file")
    front.http.put(url, content=content).raise_for_status()
    complete(front, chat, id).raise_for_status()
    place = url_of(front, chat, id)
    assert place.startswith(str(front.http.base_url))
    assert front.http.get(place).content == content
    assert front.http.get(place, headers={"range": "bytes=5-9"}).content == content[5:10]


def test_slow_upload_is_not_cut_off(front: Api) -> None:
    chat, content = front.start(), film(2 * MEGABYTE)
    id, url = started(front, chat, "film.mp4", len(content), ContentType="video/mp4")

    def slowly() -> Iterator[bytes]:
        size = len(content) // PIECES
        for number in range(PIECES):
            yield content[number * size : (number + 1) * size]
            time.sleep(PAUSE_SECONDS)  # the network of the client

    began = time.monotonic()
    front.http.put(url, content=slowly(), headers={"content-length": str(len(content))}).raise_for_status()
    assert time.monotonic() - began > REQUEST_SECONDS
    complete(front, chat, id).raise_for_status()
    assert front.http.get(url_of(front, chat, id)).content == content


def test_file_that_is_too_large_is_refused_by_the_api(front: Api) -> None:
    refused = start_upload(front, front.start(), "film.mp4", 101 * MEGABYTE, ContentType="video/mp4")
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (400, "ValidationException")


@pytest.mark.parametrize("limit", ["read_body", "write"])
def test_front_waits_as_long_as_an_upload_may_take(limit: str) -> None:
    found = re.search(rf"^\s*{limit} (\d+)h$", (ROOT / "deploy" / "Caddyfile").read_text(), re.MULTILINE)
    assert found
    assert timedelta(hours=int(found[1])) >= RESERVED
