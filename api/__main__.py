"""The API process: `python -m api`. Serves HTTP and WebSockets against a Temporal server and a store."""

from __future__ import annotations

import asyncio
import logging
import sys

from api.app import build_services, create_app
from api.gateway import Gateway
from api.server import serving
from runtime.bus import open_bus
from runtime.devserver import check_port
from runtime.problems import StartupProblem
from runtime.settings import Settings, load_settings
from runtime.stopping import stop_on_signals
from runtime.temporal import connect
from store.database import Database
from store.migrate import migrate


async def run(settings: Settings) -> None:
    """Runs until the process is told to stop."""
    stop = stop_on_signals()
    check_port(settings.api_host, settings.api_port, "The API", "PERENNIAL_API_PORT")
    client = await connect(settings)
    db = Database.open(settings.store_address, pool_size=settings.store_pool, durable=settings.durability == "power")
    bus = open_bus(settings.store_address)
    try:
        await migrate(db)
        await bus.start()
        async with serving(create_app(build_services(settings, db, bus, Gateway(client, settings))), settings):
            logging.info("the API listens on http://%s:%s", settings.api_host, settings.api_port)
            await stop.wait()
    finally:
        await bus.stop()
        await db.close()


def main() -> None:
    """Starts the process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(run(load_settings()))
    except StartupProblem as problem:
        sys.exit(f"perennial: {problem}")


if __name__ == "__main__":
    main()
