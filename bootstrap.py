"""The resources that the worker and the API share: the store, its bus, and the current configuration."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from configuration.current import Configuration, open_configuration
from domain.errors import StoreUnavailable
from runtime.bus import Bus, LocalBus
from runtime.data_folder import create_data_dir
from runtime.errors import PartAway, StartupError
from runtime.periodic import run_in_background
from runtime.postgres_bus import PostgresBus
from runtime.settings import Settings
from runtime.waiting import Wait, once
from store.database import Database
from store.migrate import StoreError, open_store
from store.postgres_connections import connect

Resources = tuple[Database, Bus, Configuration]


@asynccontextmanager
async def opened_resources(
    settings: Settings, machine_bus: Bus | None = None, wait: Wait[tuple[Resources, AsyncExitStack]] = once
) -> AsyncGenerator[Resources, None]:
    """Open store, bus and configuration for the time of the block. The store is migrated first.

    Args:
        settings: the settings of the process.
        machine_bus: the bus to the other processes on this machine that use the same SQLite file. None: there are none. With a
            PostgreSQL store the bus is always PostgreSQL's.
        wait: whether to wait while the store is away.

    Raises:
        StartupError: the store or the data folder cannot be used, or the policy of a workstream is wrong.
    """
    if settings.store_url is None:
        create_data_dir(settings.data_dir)
    resources, opened = await wait(partial(_open, settings, machine_bus))
    async with opened:
        yield resources


async def _open(settings: Settings, machine_bus: Bus | None) -> tuple[Resources, AsyncExitStack]:
    """Open the resources once. The stack closes them."""
    url = settings.store_address
    async with AsyncExitStack() as opened:
        try:
            store = open_store(url, pool_size=settings.store_pool, durable=settings.survives_power_cut)
            db = await opened.enter_async_context(store)
            bus = PostgresBus(url, connect) if url.startswith("postgres") else machine_bus or LocalBus()
            await opened.enter_async_context(run_in_background(bus))
            configuration = await opened.enter_async_context(open_configuration(settings.instances, db, bus))
        except StoreError as problem:
            kind = PartAway if isinstance(problem.__cause__, StoreUnavailable) else StartupError
            raise kind(str(problem)) from problem
        except StoreUnavailable as problem:
            raise PartAway("the store does not answer") from problem
        return (db, bus, configuration), opened.pop_all()
