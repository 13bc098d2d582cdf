"""The Perennial under fuzzing: `python -m perennial` on a folder of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from chaos.parts import Part, PostgresPart, free_port, python
from fuzz.settings import SETTINGS, configuration

HOST = "127.0.0.1"


class RunningProduct(NamedTuple):
    """A Perennial that runs: the port of its API, the address of its Temporal, and its log."""

    port: int
    temporal: str
    log: Path


@asynccontextmanager
async def running(folder: Path, *, on_postgres: bool = False) -> AsyncGenerator[RunningProduct, None]:
    """Run a Perennial for the time of the block, and stop it as an operator does.

    Args:
        folder: for all its files.
        on_postgres: whether its store is PostgreSQL, which takes fewer texts than SQLite.

    Raises:
        NotRunning: it does not start or stop in time.
    """
    (folder / "perennial.toml").write_text(configuration())
    api, temporal, ui = free_port(), free_port(), free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PERENNIAL_", "TEMPORAL_"))},
        **SETTINGS,
        "PERENNIAL_CONFIG": str(folder / "perennial.toml"),
        "PERENNIAL_DATA_DIR": str(folder),
        "PERENNIAL_API_PORT": str(api),
        "PERENNIAL_TEMPORAL_PORT": str(temporal),
        "PERENNIAL_UI_PORT": str(ui),
    }
    store = PostgresPart(folder) if on_postgres else None
    if store:
        await asyncio.to_thread(store.start)
        environment["PERENNIAL_STORE_URL"] = store.url
    ready = f"http://{HOST}:{api}/readyz"
    part = Part("perennial", python("perennial"), environment, folder, port=api, ready=ready, children=True)
    part.start()
    try:
        await part.until_ready()
        yield RunningProduct(api, f"{HOST}:{temporal}", part.log)
        await part.end(signal.SIGTERM)
    finally:
        await asyncio.to_thread(part.kill)
        if store:
            await asyncio.to_thread(store.kill)
