"""The `main()` of every process: command line, settings, run until stopped, exit code."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from datetime import timedelta
from types import TracebackType
from typing import Any, NoReturn, TypeVar

import uvloop

from runtime.errors import StartupError, StoppedEarly
from runtime.logs import report_fatal, set_up_logging
from runtime.settings import Settings, load_settings
from runtime.version import VERSION

_Entered = TypeVar("_Entered")

SLOW_EXIT_SECONDS = 3
"""How long an exit may take before it is reported."""

CONFIGURATION_HELP = """\
Configuration: the file perennial.toml, or the one that PERENNIAL_CONFIG names. Variables
PERENNIAL_* override it, for example PERENNIAL_API_PORT, PERENNIAL_DATA_DIR, PERENNIAL_STORE_URL."""


GC_THRESHOLD = (20_000, 5, 2)
"""How often Python's collector looks for garbage. Rare collections save about 8 % of the CPU of a message (docs/performance.md).
A conversation that leaves the worker's cache is garbage of about 200 objects (20 KB), mostly in the oldest generation. So that
one is collected after about 400,000 new objects, which is 2,000 such conversations, or 40 MB."""


def command_line(module: str, description: str) -> argparse.ArgumentParser:
    """Return a parser for `python -m module` that knows `--help` and `--version`."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        epilog=CONFIGURATION_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"Perennial {VERSION}")
    return parser


def run_process(run: Callable[[Settings], Awaitable[None]], *, log_level: int = logging.INFO) -> NoReturn:
    """Read the settings, run, and exit. See `run_and_exit` for problems at the start.

    Args:
        run: what the process does.
        log_level: the lowest level that is logged, if the settings name none.
    """

    async def main() -> int:
        settings = load_settings()
        level = logging.getLevelNamesMapping()[settings.log_level.upper()] if settings.log_level else log_level
        set_up_logging(level, as_json=settings.log_format == "json")
        await run(settings)
        return 0

    run_and_exit(main(), log_level=log_level)


def run_and_exit(main: Coroutine[Any, Any, int], *, log_level: int = logging.INFO) -> NoReturn:
    """Run a coroutine and exit with its result as exit code.

    A `StartupError` becomes one sentence on stderr and exit code 1. A process that is stopped while it starts has exit code 0.
    """
    # databases, logs and archives of this process and its children hold what people say: they are for their owner alone
    os.umask(0o077)
    permit_many_sockets()
    # the modules live as long as the process: no collection needs to look through them
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
    set_up_logging(log_level)
    try:
        code = uvloop.run(main)
    except StoppedEarly:
        code = 0
    except StartupError as problem:
        report_fatal(str(problem))
        code = 1
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # not sys.exit: threads of the Temporal SDK may still call into an interpreter that shuts down, and abort the process
    os._exit(code)


def permit_many_sockets() -> None:
    """Let this process and its children open as many files and sockets as the system permits.

    Systems permit a thousand at first, for programs of the past, and more to those that ask. Each client has a socket.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS permits less than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def report_progress(line: str) -> None:
    """Print a line for the person who started the process, immediately."""
    print(line, flush=True)  # noqa: T201


def stop_on_signals(before_exit: Callable[[], None] | None = None) -> asyncio.Event:
    """Return an event that the first Ctrl-C or SIGTERM sets. The second ends the process at once, with exit code 1.

    Args:
        before_exit: called before the process ends at once; it must not wait.
    """
    stop = asyncio.Event()

    def on_signal() -> None:
        if not stop.is_set():
            stop.set()
            return
        report_progress("Stopped at once.")
        if before_exit:
            before_exit()
        os._exit(1)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    return stop


def limit_stop(limit: timedelta) -> None:
    """End the process with exit code 1 when its stop, which begins now, takes longer than `limit`."""

    def end() -> None:
        report_progress(f"The stop has taken {limit.total_seconds():g} s. The process ends.")
        os._exit(1)

    asyncio.get_running_loop().call_later(limit.total_seconds(), end)


class ReportedExit(AbstractAsyncContextManager[_Entered]):
    """A context whose exit is reported when it takes longer than `SLOW_EXIT_SECONDS`."""

    def __init__(self, context: AbstractAsyncContextManager[_Entered], waits_for: str) -> None:
        """Wrap a context. `waits_for` says what its exit waits for, as in "Waiting for {waits_for}."."""
        self._context = context
        self._waits_for = waits_for

    async def __aenter__(self) -> _Entered:
        return await self._context.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        line = f"Waiting for {self._waits_for}. Ctrl-C again stops at once."
        report = asyncio.get_running_loop().call_later(SLOW_EXIT_SECONDS, report_progress, line)
        try:
            return await self._context.__aexit__(kind, error, trace)
        finally:
            report.cancel()
