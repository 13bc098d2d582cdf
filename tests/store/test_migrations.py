"""Migrations create the tables of the schema and keep all data."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import closing
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from store import schema
from store.conversations import find_conversation, open_conversation
from store.database import Database
from store.migrate import migrate
from tests.fresh_stores import Fresh
from tests.store.sample_records import opening


async def inspect_store(db: Database, inspection: Callable[[Connection], Any]) -> Any:
    async with db.read() as connection:
        return await connection.run_sync(inspection)


def schema_differences(connection: Connection) -> list[Any]:
    return compare_metadata(MigrationContext.configure(connection), schema.metadata)


def table_definitions(connection: Connection) -> dict[str, Any]:
    """The tables as the database describes them, in an order that does not depend on how they were created."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(table)
            ],
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "references": sorted(
                (key["constrained_columns"], key["referred_table"], key["referred_columns"])
                for key in inspector.get_foreign_keys(table)
            ),
            "unique": sorted(key["column_names"] for key in inspector.get_unique_constraints(table)),
            "indexes": sorted(
                (str(i["name"]), i["column_names"], bool(i["unique"])) for i in inspector.get_indexes(table)
            ),
        }
        for table in sorted(set(inspector.get_table_names()) - {"alembic_version"})
    }


@pytest.fixture
async def empty_db(empty: str) -> AsyncGenerator[Database]:
    db = Database.open(empty)
    yield db
    await db.close()


async def test_migration_of_an_empty_store_matches_the_schema(empty_db: Database) -> None:
    await migrate(empty_db)
    assert await inspect_store(empty_db, schema_differences) == []


async def test_migrations_and_schema_create_the_same_tables(empty_db: Database, fresh: Fresh) -> None:
    await migrate(empty_db)
    async with fresh() as other:
        created = Database.open(other)
        async with created.write() as connection:
            await connection.run_sync(schema.metadata.create_all)
        expected = await inspect_store(created, table_definitions)
        await created.close()
    assert set(expected) == set(schema.metadata.tables)
    assert await inspect_store(empty_db, table_definitions) == expected


async def test_repeated_migration_keeps_all_data(empty_db: Database) -> None:
    await migrate(empty_db)
    await open_conversation(empty_db, opening())
    before = await find_conversation(empty_db, "c")
    await migrate(empty_db)
    assert before is not None
    assert await find_conversation(empty_db, "c") == before
    assert await inspect_store(empty_db, schema_differences) == []


async def test_concurrent_migrations_run_once(empty: str) -> None:
    processes = [Database.open(empty) for _ in range(4)]
    await asyncio.gather(*(migrate(db) for db in processes))
    async with processes[0].read() as connection:
        versions = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalars().all()
    assert len(versions) == 1
    assert await inspect_store(processes[0], schema_differences) == []
    await asyncio.gather(*(db.close() for db in processes))


async def test_migration_waits_for_a_locked_sqlite_file(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    db = Database.open(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        # enough time to fail; on a slow machine the test passes without proof. In a thread, as another process would do it
        end = Timer(0.2, other.execute, ["COMMIT"])
        end.start()
        await migrate(db)
        end.join()
    assert await inspect_store(db, schema_differences) == []
    await db.close()
