"""Deletion of conversations out of store, archive and Temporal, on both stores."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from configuration.current import Configuration
from domain.conversation import Mode
from domain.errors import Unavailable
from engine import erasure
from engine.client import ConversationClient
from engine.erasure import Deleted, Erasure, StillEnding
from engine.lost_conversations import LostConversations
from engine.retention import Retention
from runtime.archive import Archive, opened_archive
from runtime.bus import LocalBus
from runtime.errors import StartupError
from runtime.settings import Settings
from store.audit import AuditEntry, entries_before, write_entries
from store.database import Database
from tests.store.test_personal_data import NOW, tables_with
from tests.workflows.both_stores import engine_on_each_store
from tests.workflows.conftest import environment
from tests.workflows.engine import Chat, Engine

__all__ = ["engine_on_each_store", "environment"]

MARK = "ada-speaks"


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """The URL of an archive in a folder."""
    return (tmp_path / "archive").as_uri()


def client_of(engine: Engine) -> ConversationClient:
    client = ConversationClient(engine.client, Settings())
    client.subscribe_lost(LostConversations(engine.db, Configuration({}, engine.db, LocalBus()), client).end)
    return client


def erasure_of(engine: Engine, archive: str) -> Erasure:
    return Erasure(engine.db, client_of(engine), partial(opened_archive, Settings(archive_url=archive)))


async def marked_chat(engine: Engine, **options: Any) -> Chat:
    """A persistent chat with an agent, which is archived, and in which everything has the mark."""
    marked = {"greeting": f"{MARK} hello", "customer_id": MARK, "attributes": {"topic": MARK}}
    chat = await engine.start(Mode.PERSISTENT, archive=True, **marked, **options)
    await chat.assign()
    await chat.send(MARK)
    return chat


async def test_running_parked_and_ended_chats_are_deleted(engine: Engine, archive: str, tmp_path: Path) -> None:
    async with engine.worker(archive=archive):
        chats = [await marked_chat(engine) for _ in range(3)]
        await chats[1].end()
        await chats[1].close()
        assert await tables_with(engine.db, MARK) >= {"conversations", "items"}
        await erasure_of(engine, archive).delete("demo", [], "test")
        assert await tables_with(engine.db, MARK) >= {"conversations", "items"}
        deleted = await erasure_of(engine, archive).delete("demo", [chat.id for chat in chats], "test")
        assert (deleted.conversations, deleted.files) == (3, 3)
        assert deleted.runs == 3
        assert await tables_with(engine.db, MARK) == set()
        assert not list((tmp_path / "archive").rglob("*.json"))
        again = await erasure_of(engine, archive).delete("demo", [chat.id for chat in chats], "test")
        assert again._replace(runs=0) == Deleted()  # Temporal still has them for some minutes


async def test_a_chat_whose_workflow_is_gone_is_deleted(engine: Engine, archive: str) -> None:
    async with engine.worker(archive=archive):
        chat = await marked_chat(engine)
        await chat.handle.terminate()
        assert (await erasure_of(engine, archive).delete("demo", [chat.id], "test")).conversations == 1
        assert await tables_with(engine.db, MARK) == set()


async def test_nothing_is_deleted_of_a_chat_that_does_not_end(
    engine: Engine, archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "END_SECONDS", 1.0)
    async with engine.worker(archive=archive):
        chat = await marked_chat(engine)
    with pytest.raises((StillEnding, Unavailable)):  # no worker runs
        await erasure_of(engine, archive).delete("demo", [chat.id], "test")
    assert await tables_with(engine.db, MARK) >= {"conversations", "items"}
    monkeypatch.undo()
    async with engine.worker(archive=archive):
        assert (await erasure_of(engine, archive).delete("demo", [chat.id], "test")).conversations == 1


async def test_a_broken_archive_keeps_the_record(engine: Engine, archive: str) -> None:
    def broken() -> Archive | None:
        raise StartupError("the archive cannot be used")

    async with engine.worker(archive=archive):
        chat = await marked_chat(engine)
        with pytest.raises(Unavailable, match="archive"):
            await Erasure(engine.db, client_of(engine), broken).delete("demo", [chat.id], "test")
        assert "items" in await tables_with(engine.db, MARK)
        assert (await erasure_of(engine, archive).delete("demo", [chat.id], "test")).files == 1


async def test_retention_deletes_what_has_ended_long_ago(engine: Engine, archive: str) -> None:
    workstream = {"mode": "persistent", "queue": "persistent", "retention": "PT0.001S"}
    instances = {"demo": {"workstreams": {"short": workstream, "long": {**workstream, "retention": "never"}}}}
    settings = Settings.model_validate({"instances": instances, "archive_url": archive})
    configuration = Configuration(settings.instances, engine.db, LocalBus())
    retention = Retention(
        engine.db, configuration, erasure_of(engine, archive), audit=timedelta(days=365), events=timedelta(days=7)
    )
    async with engine.worker(archive=archive, configuration=configuration):
        ended, kept, running = [await marked_chat(engine, workstream=name) for name in ("short", "long", "short")]
        for chat in (ended, kept):
            await chat.end()
            await chat.close()
            await chat.handle.result()
        await retention.delete_conversations()
        await retention.delete_conversations()
        assert await tables_with(engine.db, ended.id) == set()
        assert "items" in await tables_with(engine.db, kept.id)
        assert "items" in await tables_with(engine.db, running.id)
        await erasure_of(engine, archive).delete("demo", [kept.id, running.id], "test")
    [entry] = await audit_of(engine.db)
    assert (entry.actor, entry.action, entry.target) == ("retention", "delete_conversations", "workstreams/short")
    assert entry.counts["conversations"] == 1

    await write_entries(engine.db, [AuditEntry("old", "demo", NOW - timedelta(days=800), "api:crm", "put_table")])
    await retention.delete_audit_entries()
    assert await audit_of(engine.db) == [entry]


async def audit_of(db: Database) -> list[AuditEntry]:
    return await entries_before(db, "demo", None, 100)
