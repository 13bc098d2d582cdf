"""What worker and API both stand on: the store, and the bus that suits it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from runtime.bus import Bus, opened_bus
from runtime.problems import StartupProblem
from runtime.settings import Settings
from store.database import Database
from store.migrate import StoreProblem, opened


@asynccontextmanager
async def opened_parts(settings: Settings) -> AsyncGenerator[tuple[Database, Bus], None]:
    """Store and bus of a process, as its settings say.

    Raises:
        StartupProblem: the store cannot be used.
    """
    url = settings.store_address
    try:
        async with opened(url, pool_size=settings.store_pool, durable=settings.survives_power_cut) as db:
            async with opened_bus(url) as bus:
                yield db, bus
    except StoreProblem as problem:
        raise StartupProblem(str(problem)) from problem
