"""A process from its settings to its end: what `main()` is in each of them."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn

from runtime.errors import StartupError
from runtime.settings import Settings, load_settings


def run_process(run: Callable[[Settings], Awaitable[None]], *, log_level: int = logging.INFO) -> NoReturn:
    """Reads the settings and runs; a problem at the start ends the process with one sentence and exit code 1.

    Never returns.
    """
    logging.basicConfig(level=log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    async def whole() -> None:
        await run(load_settings())

    code = 0
    try:
        asyncio.run(whole())
    except StartupError as problem:
        sys.stderr.write(f"perennial: {problem}\n")
        code = 1
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # not sys.exit: threads of the Temporal SDK may still call into an interpreter that is being taken down, and abort it
    os._exit(code)


def stop_on_signals() -> asyncio.Event:
    """An event that is set by the first Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop
