from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from store import schema
from store.conversations import find_conversation, open_conversation
from store.database import Database
from store.migrate import migrate
from tests.store.conftest import Fresh
from tests.store.making import opening


async def inspected(db: Database, look: Callable[[Connection], Any]) -> Any:
    async with db.read() as connection:
        return await connection.run_sync(look)


def differences(connection: Connection) -> list[Any]:
    return compare_metadata(MigrationContext.configure(connection), schema.metadata)


def shape(connection: Connection) -> dict[str, Any]:
    """All that the database itself says of its tables, in an order that does not depend on how they came about."""
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
async def blank(empty: str) -> AsyncGenerator[Database]:
    db = Database.open(empty)
    yield db
    await db.close()


async def test_migrations_from_nothing_leave_no_difference_to_the_schema(blank: Database) -> None:
    await migrate(blank)
    assert await inspected(blank, differences) == []


async def test_migrations_build_what_the_schema_would_build(blank: Database, fresh: Fresh) -> None:
    await migrate(blank)
    async with fresh() as other:
        created = Database.open(other)
        async with created.write() as connection:
            await connection.run_sync(schema.metadata.create_all)
        expected = await inspected(created, shape)
        await created.close()
    assert set(expected) == set(schema.metadata.tables)
    assert await inspected(blank, shape) == expected


async def test_migrating_again_keeps_everything(blank: Database) -> None:
    await migrate(blank)
    await open_conversation(blank, opening())
    before = await find_conversation(blank, "c")
    await migrate(blank)
    assert before is not None
    assert await find_conversation(blank, "c") == before
    assert await inspected(blank, differences) == []


async def test_processes_that_migrate_at_once_do_it_once(empty: str) -> None:
    processes = [Database.open(empty) for _ in range(4)]
    await asyncio.gather(*(migrate(db) for db in processes))
    async with processes[0].read() as connection:
        versions = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalars().all()
    assert len(versions) == 1
    assert await inspected(processes[0], differences) == []
    await asyncio.gather(*(db.close() for db in processes))


async def test_a_new_sqlite_file_that_another_process_is_at_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    db = Database.open(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        migrating = asyncio.create_task(migrate(db))
        # time enough to fail; where it is not, the test finds nothing wrong
        await asyncio.wait({migrating}, timeout=0.2)
        other.execute("COMMIT")
        await migrating
    assert await inspected(db, differences) == []
    await db.close()
