"""Archiving the transcript of a contact to a folder and to S3: repeated, and after failures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from obstore.store import LocalStore
from pydantic import ValidationError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from activities.transcript_files import TranscriptArchiver
from runtime.archive import PART_BYTES, Archive, opened_archive
from runtime.errors import StartupError
from runtime.settings import Settings
from store.database import Database
from store.feed import FeedPosition, page_of_feed
from tests import sqlite
from tests.s3 import KEY, S3
from tests.store.sample_records import INSTANCE, item, opening, record, record_chat
from tests.workflows.engine import Engine, eventually
from tests.workflows.server import time_skipping_server
from workflows.contract import ArchiveJob

JOB = ArchiveJob(conversation_id="c", instance=INSTANCE, contact_id="c")
PATH = f"{INSTANCE}/2026/02/28/c.json"
"""The path uses the UTC day on which the contact began. The items are one day later."""


@pytest.fixture
async def db(tmp_path: Path) -> AsyncGenerator[Database]:
    async with sqlite.store(tmp_path) as db:
        await record_chat(db, 1, 2, 3)
        yield db


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3:
    for name, value in KEY.items():
        monkeypatch.setenv(name, value)
    return S3(tmp_path)


def settings(folder: Path, **changes: Any) -> Settings:
    return Settings(data_dir=folder, **changes)


async def archive(db: Database, archive_settings: Settings, job: ArchiveJob = JOB) -> str:
    """Run the activity as the worker does and return its result."""
    return await ActivityEnvironment().run(TranscriptArchiver(db, opened_archive(archive_settings)).archive, job)


def texts(document: bytes) -> list[str]:
    return [entry["Content"] for entry in json.loads(document)["Transcript"]]


def files(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


async def test_archive_is_in_the_data_folder_by_default(db: Database, tmp_path: Path) -> None:
    address = await archive(db, settings(tmp_path))
    archived = tmp_path / "transcripts" / PATH
    assert address == archived.as_uri()
    document = json.loads(archived.read_text("utf-8"))
    assert (document["ContactId"], document["InstanceId"]) == ("c", INSTANCE)
    assert texts(archived.read_bytes()) == ["text 1", "text 2", "text 3"]


async def test_archive_folder_is_created(db: Database, tmp_path: Path) -> None:
    folder = tmp_path / "a folder" / "é"
    address = await archive(db, settings(tmp_path, archive_url=folder.as_uri()))
    assert address == (folder / PATH).as_uri()
    assert files(folder) == [PATH]


async def test_repeated_archiving_writes_the_same_file(db: Database, tmp_path: Path) -> None:
    archive_settings = settings(tmp_path)
    address = await archive(db, archive_settings)
    first = (tmp_path / "transcripts" / PATH).read_bytes()
    assert await archive(db, archive_settings) == address
    assert (tmp_path / "transcripts" / PATH).read_bytes() == first
    await record(db, "c", items=[item(4)])
    assert await archive(db, archive_settings) == address
    assert texts((tmp_path / "transcripts" / PATH).read_bytes())[-1] == "text 4"
    assert files(tmp_path / "transcripts") == [PATH]


async def test_written_file_has_an_event_once(db: Database, tmp_path: Path) -> None:
    addresses = {await archive(db, settings(tmp_path)) for _ in range(2)}
    events = await page_of_feed(db, INSTANCE, FeedPosition(), 1_000)
    written = [event for event in events if event.type == "archive.written"]
    assert [(event.contact_id, event.data) for event in written] == [
        ("c", {"location": address}) for address in addresses
    ]
    assert written[0].seq == len(events)


class OvertakenArchive(Archive):
    """Has read the transcript of its first file when another process writes a later one, and writes it then."""

    def __init__(self, folder: Path, others_write: Callable[[], Awaitable[object]]) -> None:
        super().__init__(LocalStore(folder), folder.as_uri())
        self._others_write = others_write
        self.writes = 0

    async def put(self, path: str, content: AsyncIterator[bytes], content_type: str) -> str:
        self.writes += 1
        pieces = [piece async for piece in content]
        if self.writes == 1:
            await self._others_write()

        async def read_before() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        return await super().put(path, read_before(), content_type)


async def test_slower_upload_of_an_older_transcript_does_not_win(db: Database, tmp_path: Path) -> None:
    async def write_later_file() -> None:
        await record(db, "c", items=[item(4)])
        await archive(db, settings(tmp_path))

    await archive(db, settings(tmp_path))
    slow = OvertakenArchive(tmp_path / "transcripts", write_later_file)
    await ActivityEnvironment().run(TranscriptArchiver(db, slow).archive, JOB)
    assert texts((tmp_path / "transcripts" / PATH).read_bytes())[-1] == "text 4"
    assert slow.writes == 2


async def test_one_process_writes_the_file_of_a_contact_once_at_a_time(db: Database, tmp_path: Path) -> None:
    at_once: list[int] = []

    async def look() -> None:
        await asyncio.sleep(0)
        at_once.append(shared.writes)

    await archive(db, settings(tmp_path))
    shared = OvertakenArchive(tmp_path / "transcripts", look)
    archiver = TranscriptArchiver(db, shared)
    await asyncio.gather(*(ActivityEnvironment().run(archiver.archive, JOB) for _ in range(3)))
    assert (at_once, shared.writes) == ([1], 3)


async def test_archiving_to_disk_succeeds_after_a_failure(db: Database, tmp_path: Path) -> None:
    archive_settings = settings(tmp_path)
    blocking_file = tmp_path / "transcripts" / INSTANCE
    blocking_file.parent.mkdir()
    blocking_file.write_text("a file where a folder must be")
    with pytest.raises(Exception, match="there is a file in place of the folder"):
        await archive(db, archive_settings)
    assert files(tmp_path / "transcripts") == [INSTANCE]
    blocking_file.unlink()
    await archive(db, archive_settings)
    assert files(tmp_path / "transcripts") == [PATH]


async def test_store_that_is_away_is_a_benign_failure(db: Database, tmp_path: Path) -> None:
    for file in tmp_path.glob("*.db*"):
        file.rename(file.with_suffix(".away"))
    with pytest.raises(ApplicationError) as failed:
        await archive(db, settings(tmp_path))
    assert (failed.value.category, failed.value.type) == (ApplicationErrorCategory.BENIGN, "StoreUnavailable")


async def test_interrupted_write_keeps_the_old_file(tmp_path: Path) -> None:
    archive_store = opened_archive(settings(tmp_path))
    assert archive_store
    old = b"old " * 1_000

    async def complete_content() -> AsyncIterator[bytes]:
        yield old

    async def failing_content() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * PART_BYTES
        raise ConnectionError("the store is gone")

    await archive_store.put("there/file.json", complete_content(), "application/json")
    for path in ("there/file.json", "there/other.json"):
        with pytest.raises(ConnectionError, match="the store is gone"):
            await archive_store.put(path, failing_content(), "application/json")
    assert files(tmp_path / "transcripts") == ["there/file.json"]
    assert (tmp_path / "transcripts/there/file.json").read_bytes() == old


@pytest.mark.parametrize("job", [{"contact_id": "x"}, {"instance": "x"}, {"conversation_id": "x"}])
async def test_unknown_contact_is_a_retryable_error(db: Database, tmp_path: Path, job: dict[str, str]) -> None:
    with pytest.raises(ApplicationError, match="no contact") as error:
        await archive(db, settings(tmp_path), JOB.model_copy(update=job))
    assert not error.value.non_retryable
    assert files(tmp_path / "transcripts") == []


@pytest.mark.parametrize("archive_url", ["off", ""])
async def test_archiving_can_be_switched_off(db: Database, tmp_path: Path, archive_url: str) -> None:
    assert await archive(db, settings(tmp_path / "data", archive_url=archive_url)) == ""
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("id", ["..", "../../c", "/etc/c", "a/b", "%2E%2E", "é" * 256, "x" * 256, ".hidden", "a b?#"])
async def test_any_contact_id_becomes_one_file_in_its_folder(db: Database, tmp_path: Path, id: str) -> None:
    await record(db, id, opening=opening(id, instance="..", customer_participant_id="p"))
    job = ArchiveJob(conversation_id=id, instance="..", contact_id=id)
    address = await archive(db, settings(tmp_path), job)
    [archived] = files(tmp_path / "transcripts")
    assert address == (tmp_path / "transcripts" / archived).as_uri()
    assert Path(archived).parent == Path("%2E./2026/02/28")
    assert json.loads((tmp_path / "transcripts" / archived).read_text())["ContactId"] == id


async def test_temporal_retries_archiving_until_it_succeeds(db: Database, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "demo").write_text("a file where a folder must be")
    async with time_skipping_server(tmp_path) as environment:
        engine = Engine(environment.client, db)
        async with engine.worker(archive=folder.as_uri()):
            chat = await engine.start(archive=True, greeting="Hello")
            await chat.end(by=f"{chat.id}-customer")

            async def failed_attempts() -> int | None:
                description = await chat.handle.describe()
                pending = description.raw_description.pending_activities
                return next((p.attempt for p in pending if p.attempt > 2), None)

            await eventually(failed_attempts, "archiving fails again and again")
            (folder / "demo").unlink()

            async def archived() -> Path | None:
                return next((path for path in folder.rglob("*.json")), None)

            path = await eventually(archived, "the file is written")
            assert path.name == f"{chat.id}.json"
            assert json.loads(path.read_bytes())["Transcript"][0]["Content"] == "Hello"
            await chat.handle.result()


async def test_transcript_is_archived_to_s3(db: Database, tmp_path: Path, s3: S3) -> None:
    archive_settings = settings(tmp_path, archive_url="s3://chats/of/us", archive_endpoint=s3.url)
    with s3.serve():
        s3.client().create_bucket(Bucket="chats")
        for _ in range(2):
            assert await archive(db, archive_settings) == f"s3://chats/of/us/{PATH}"
        listed = s3.client().list_objects_v2(Bucket="chats")["Contents"]
        assert [entry["Key"] for entry in listed] == [f"of/us/{PATH}"]
        stored = s3.client().get_object(Bucket="chats", Key=f"of/us/{PATH}")
        assert stored["ContentType"] == "application/json"
        assert texts(stored["Body"].read()) == ["text 1", "text 2", "text 3"]
    assert not (tmp_path / "transcripts").exists()


async def test_long_transcript_is_uploaded_to_s3_in_parts(db: Database, tmp_path: Path, s3: S3) -> None:
    count = 2 * PART_BYTES // 16_000 + 3
    await record(db, "c", items=[item(n, content=f"{n} " + "x" * 16_000) for n in range(10, 10 + count)])
    archive_settings = settings(tmp_path, archive_url="s3://chats", archive_endpoint=s3.url)
    with s3.serve():
        s3.client().create_bucket(Bucket="chats")
        assert await archive(db, archive_settings) == f"s3://chats/{PATH}"
        stored = s3.client().get_object(Bucket="chats", Key=PATH)
        assert stored["ETag"].endswith('-3"'), "three parts"
        document = stored["Body"].read()
    assert [text.split()[0] for text in texts(document)[3:]] == [str(n) for n in range(10, 10 + count)]


async def test_archiving_to_s3_succeeds_after_a_failure(db: Database, tmp_path: Path, s3: S3) -> None:
    archive_settings = settings(tmp_path, archive_url="s3://chats", archive_endpoint=s3.url)
    with pytest.raises(ApplicationError, match="the archive cannot be used now: its server does not answer"):
        await archive(db, archive_settings)
    with s3.serve():
        with pytest.raises(ApplicationError, match="its server answers NoSuchBucket"):
            await archive(db, archive_settings)
        s3.client().create_bucket(Bucket="chats")
        assert await archive(db, archive_settings) == f"s3://chats/{PATH}"
        assert texts(s3.client().get_object(Bucket="chats", Key=PATH)["Body"].read())


async def test_failed_attempt_is_one_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "archive"
    async with time_skipping_server(tmp_path) as server, sqlite.store(tmp_path) as db:
        engine = Engine(server.client, db)
        async with engine.worker(archive=folder.as_uri()):
            chat = await engine.start(archive=True)
            await chat.assign()
            (folder / "demo").write_text("a file where a folder must be")
            await chat.end()

            async def find() -> bool | None:
                return "is not written" in caplog.text or None

            await eventually(find, "the failure is logged")
            (folder / "demo").unlink()
            await chat.close()
            await chat.handle.result()
    about_files = [record for record in caplog.records if "archive" in record.getMessage()]
    assert {record.name for record in about_files} == {"activities.transcript_files"}
    assert not any(record.exc_info for record in about_files)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "url", ["s3://", "s3:bucket", "file://host/path", "file:relative", "/path", "gs://bucket", "On"]
)
def test_invalid_archive_url_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match=r"file:///folder, s3://bucket/prefix or off"):
        Settings(archive_url=url)


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "s3://x", "http://"])
def test_invalid_archive_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="must begin with http:// or https://"):
        Settings(archive_endpoint=endpoint)


def test_unusable_archive_folder_prevents_the_start(tmp_path: Path) -> None:
    (tmp_path / "transcripts").write_text("a file")
    with pytest.raises(StartupError, match=r"the archive .* cannot be used"):
        opened_archive(settings(tmp_path))
