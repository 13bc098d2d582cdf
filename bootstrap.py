"""The resources that the worker and the API share: the store, its bus, and the current configuration."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from configuration.current import Configuration, open_configuration
from runtime.bus import Bus, opened_bus
from runtime.data_folder import create_data_dir
from runtime.errors import StartupError
from runtime.settings import Settings
from store.database import Database
from store.migrate import StoreError, open_store


@asynccontextmanager
async def opened_resources(settings: Settings) -> AsyncGenerator[tuple[Database, Bus, Configuration], None]:
    """Open store, bus and configuration for the time of the block. The store is migrated first.

    Raises:
        StartupError: the store or the data folder cannot be used, or the policy of a workstream is wrong.
    """
    url = settings.store_address
    if settings.store_url is None:
        create_data_dir(settings.data_dir)
    try:
        async with open_store(url, pool_size=settings.store_pool, durable=settings.survives_power_cut) as db:
            async with opened_bus(url) as bus, open_configuration(settings.instances, db, bus) as configuration:
                yield db, bus, configuration
    except StoreError as problem:
        raise StartupError(str(problem)) from problem
