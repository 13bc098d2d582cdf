"""The resources that the worker and the API share: the store, its bus, and the current configuration."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from configuration.current import Configuration, open_configuration
from runtime.bus import Bus, LocalBus
from runtime.data_folder import create_data_dir
from runtime.errors import StartupError
from runtime.periodic import run_in_background
from runtime.postgres_bus import PostgresBus
from runtime.settings import Settings
from store.database import Database
from store.migrate import StoreError, open_store
from store.postgres_connections import connect


@asynccontextmanager
async def opened_resources(
    settings: Settings, machine_bus: Bus | None = None
) -> AsyncGenerator[tuple[Database, Bus, Configuration], None]:
    """Open store, bus and configuration for the time of the block. The store is migrated first.

    Args:
        settings: the settings of the process.
        machine_bus: the bus to the other processes on this machine that use the same SQLite file. None: there are none. With a
            PostgreSQL store the bus is always PostgreSQL's.

    Raises:
        StartupError: the store or the data folder cannot be used, or the policy of a workstream is wrong.
    """
    url = settings.store_address
    if settings.store_url is None:
        create_data_dir(settings.data_dir)
    try:
        async with open_store(url, pool_size=settings.store_pool, durable=settings.survives_power_cut) as db:
            bus = PostgresBus(url, connect) if url.startswith("postgres") else machine_bus or LocalBus()
            async with run_in_background(bus), open_configuration(settings.instances, db, bus) as configuration:
                yield db, bus, configuration
    except StoreError as problem:
        raise StartupError(str(problem)) from problem
