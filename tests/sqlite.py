"""A store on SQLite for tests."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from store.database import Database
from store.migrate import open_store


@asynccontextmanager
async def store(folder: Path) -> AsyncGenerator[Database]:
    """Provide the store in a folder, migrated. Without one it is empty. It is closed at the end."""
    async with open_store(f"sqlite:///{folder / 'store.db'}", pool_size=1, durable=False) as db:
        yield db
