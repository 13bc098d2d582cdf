"""Archiving the transcript of a contact: to a folder and to S3, again and again, and after failures."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.archiving import Archivist
from runtime.archive import PART_BYTES, opened_archive
from runtime.problems import StartupProblem
from runtime.settings import Settings
from store.conversations import record
from store.database import Database
from store.migrate import migrate
from tests.s3 import KEY, S3
from tests.store.sample_records import INSTANCE, item, opening, record_chat
from tests.workflows.engine import Engine, eventually
from tests.workflows.server import time_skipping_server
from workflows.contract import ArchiveJob

JOB = ArchiveJob(conversation_id="c", instance=INSTANCE, contact_id="c")
PLACE = f"{INSTANCE}/2026/02/28/c.json"
"""By the day on which it began in UTC; the items are of the day after."""


@pytest.fixture
async def db(tmp_path: Path) -> AsyncGenerator[Database]:
    db = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    await migrate(db)
    await record_chat(db, 1, 2, 3)
    yield db
    await db.close()


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3:
    for name, value in KEY.items():
        monkeypatch.setenv(name, value)
    return S3(tmp_path)


def settings(folder: Path, **changes: Any) -> Settings:
    return Settings(data_dir=folder, **changes)


async def archive(db: Database, its: Settings, job: ArchiveJob = JOB) -> str:
    """What the activity says, run as the worker runs it."""
    return await ActivityEnvironment().run(Archivist(db, opened_archive(its)).archive, job)


def texts(document: bytes) -> list[str]:
    return [entry["Content"] for entry in json.loads(document)["Transcript"]]


def files(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


async def test_by_default_it_goes_to_the_data_folder(db: Database, tmp_path: Path) -> None:
    address = await archive(db, settings(tmp_path))
    written = tmp_path / "transcripts" / PLACE
    assert address == written.as_uri()
    document = json.loads(written.read_text("utf-8"))
    assert (document["ContactId"], document["InstanceId"]) == ("c", INSTANCE)
    assert texts(written.read_bytes()) == ["text 1", "text 2", "text 3"]


async def test_another_folder_is_made(db: Database, tmp_path: Path) -> None:
    folder = tmp_path / "a folder" / "é"
    address = await archive(db, settings(tmp_path, archive_url=folder.as_uri()))
    assert address == (folder / PLACE).as_uri()
    assert files(folder) == [PLACE]


async def test_repeating_writes_the_same_file(db: Database, tmp_path: Path) -> None:
    its = settings(tmp_path)
    address = await archive(db, its)
    first = (tmp_path / "transcripts" / PLACE).read_bytes()
    assert await archive(db, its) == address
    assert (tmp_path / "transcripts" / PLACE).read_bytes() == first
    await record(db, "c", items=[item(4)])
    assert await archive(db, its) == address
    assert texts((tmp_path / "transcripts" / PLACE).read_bytes())[-1] == "text 4"
    assert files(tmp_path / "transcripts") == [PLACE]


async def test_failing_then_succeeding_on_disk(db: Database, tmp_path: Path) -> None:
    its = settings(tmp_path)
    obstacle = tmp_path / "transcripts" / INSTANCE
    obstacle.parent.mkdir()
    obstacle.write_text("a file where a folder must be")
    with pytest.raises(Exception, match="Not a directory"):
        await archive(db, its)
    assert files(tmp_path / "transcripts") == [INSTANCE]
    obstacle.unlink()
    await archive(db, its)
    assert files(tmp_path / "transcripts") == [PLACE]


async def test_failing_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    files_of = opened_archive(settings(tmp_path))
    assert files_of
    old = b"old " * 1_000

    async def good() -> AsyncIterator[bytes]:
        yield old

    async def broken() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * PART_BYTES
        raise ConnectionError("the store is gone")

    await files_of.put("there/file.json", good(), "application/json")
    for place in ("there/file.json", "there/other.json"):
        with pytest.raises(ConnectionError, match="the store is gone"):
            await files_of.put(place, broken(), "application/json")
    assert files(tmp_path / "transcripts") == ["there/file.json"]
    assert (tmp_path / "transcripts/there/file.json").read_bytes() == old


@pytest.mark.parametrize("job", [{"contact_id": "x"}, {"instance": "x"}, {"conversation_id": "x"}])
async def test_a_contact_that_the_store_has_not_yet_is_worth_a_retry(
    db: Database, tmp_path: Path, job: dict[str, str]
) -> None:
    with pytest.raises(ApplicationError, match="no contact") as refused:
        await archive(db, settings(tmp_path), JOB.model_copy(update=job))
    assert not refused.value.non_retryable
    assert files(tmp_path / "transcripts") == []


@pytest.mark.parametrize("off", ["off", ""])
async def test_off(db: Database, tmp_path: Path, off: str) -> None:
    assert await archive(db, settings(tmp_path / "data", archive_url=off)) == ""
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("id", ["..", "../../c", "/etc/c", "a/b", "%2E%2E", "é" * 256, "x" * 256, ".hidden", "a b?#"])
async def test_whatever_its_id_it_is_one_file_in_its_folder(db: Database, tmp_path: Path, id: str) -> None:
    await record(db, id, opening=opening(id, instance=".."))
    job = ArchiveJob(conversation_id=id, instance="..", contact_id=id)
    address = await archive(db, settings(tmp_path), job)
    [written] = files(tmp_path / "transcripts")
    assert address == (tmp_path / "transcripts" / written).as_uri()
    assert Path(written).parent == Path("%2E./2026/02/28")
    assert json.loads((tmp_path / "transcripts" / written).read_text())["ContactId"] == id


async def test_temporal_tries_until_it_succeeds(db: Database, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "demo").write_text("a file where a folder must be")
    async with time_skipping_server(tmp_path) as environment:
        engine = Engine(environment.client, db)
        async with engine.working(archive=folder.as_uri()):
            chat = await engine.start(archive=True, greeting="Hello")
            await chat.end(by=f"{chat.id}-customer")

            async def failures() -> int | None:
                description = await chat.handle.describe()
                pending = description.raw_description.pending_activities
                return next((p.attempt for p in pending if p.attempt > 2), None)

            await eventually(failures, "archiving fails again and again")
            (folder / "demo").unlink()

            async def written() -> Path | None:
                return next((path for path in folder.rglob("*.json")), None)

            path = await eventually(written, "the file is written")
            assert path.name == f"{chat.id}.json"
            assert json.loads(path.read_bytes())["Transcript"][0]["Content"] == "Hello"
            await chat.handle.result()


async def test_s3(db: Database, tmp_path: Path, s3: S3) -> None:
    its = settings(tmp_path, archive_url="s3://chats/of/us", archive_endpoint=s3.url)
    with s3.running():
        s3.client().create_bucket(Bucket="chats")
        for _ in range(2):
            assert await archive(db, its) == f"s3://chats/of/us/{PLACE}"
        listed = s3.client().list_objects_v2(Bucket="chats")["Contents"]
        assert [entry["Key"] for entry in listed] == [f"of/us/{PLACE}"]
        kept = s3.client().get_object(Bucket="chats", Key=f"of/us/{PLACE}")
        assert kept["ContentType"] == "application/json"
        assert texts(kept["Body"].read()) == ["text 1", "text 2", "text 3"]
    assert not (tmp_path / "transcripts").exists()


async def test_a_long_transcript_goes_to_s3_in_parts(db: Database, tmp_path: Path, s3: S3) -> None:
    count = 2 * PART_BYTES // 16_000 + 3
    await record(db, "c", items=[item(n, content=f"{n} " + "x" * 16_000) for n in range(10, 10 + count)])
    its = settings(tmp_path, archive_url="s3://chats", archive_endpoint=s3.url)
    with s3.running():
        s3.client().create_bucket(Bucket="chats")
        assert await archive(db, its) == f"s3://chats/{PLACE}"
        kept = s3.client().get_object(Bucket="chats", Key=PLACE)
        assert kept["ETag"].endswith('-3"'), "three parts"
        document = kept["Body"].read()
    assert [text.split()[0] for text in texts(document)[3:]] == [str(n) for n in range(10, 10 + count)]


async def test_failing_then_succeeding_on_s3(db: Database, tmp_path: Path, s3: S3) -> None:
    its = settings(tmp_path, archive_url="s3://chats", archive_endpoint=s3.url)
    with pytest.raises(Exception, match="Error performing PUT"):
        await archive(db, its)
    with s3.running():
        with pytest.raises(FileNotFoundError, match="NoSuchBucket"):
            await archive(db, its)
        s3.client().create_bucket(Bucket="chats")
        assert await archive(db, its) == f"s3://chats/{PLACE}"
        assert texts(s3.client().get_object(Bucket="chats", Key=PLACE)["Body"].read())


@pytest.mark.parametrize(
    "url", ["s3://", "s3:bucket", "file://host/path", "file:relative", "/path", "gs://bucket", "On"]
)
def test_archive_urls_that_are_none(url: str) -> None:
    with pytest.raises(ValidationError, match=r"file:///folder, s3://bucket/prefix or off"):
        Settings(archive_url=url)


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:9000", "s3://x", "http://"])
def test_endpoints_that_are_none(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="http://host:port"):
        Settings(archive_endpoint=endpoint)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "transcripts").write_text("a file")
    with pytest.raises(StartupProblem, match=r"the archive .* cannot be used"):
        opened_archive(settings(tmp_path))
