"""Fixtures and rules of all suites."""

from __future__ import annotations

import importlib
import json
import os
import traceback
from collections.abc import AsyncGenerator, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.fresh_stores import Fresh, migrated_store, postgresql_databases, sqlite_files
from tests.stack import TOPIC, Stack

pytest_plugins = ["workflows.replay_plugin"]

MARKER = "shared-fixture-failed"
"""A file in the folder that the processes of a test run share. It exists once one of them has reported."""


def pytest_configure(config: pytest.Config) -> None:
    """End the run with one error when the product cannot be imported; else every test module fails with it."""
    # containers often set it; each of a hundred processes of the product would compile its own code
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if hasattr(config, "workerinput"):
        return
    try:
        importlib.import_module("perennial")
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise pytest.UsageError(
            f"the product cannot be imported: {type(error).__name__}: {error} ({place.filename}:{place.lineno})"
        ) from None


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """End the run with one error when a fixture of the session fails; else every test that uses it fails with it."""
    try:
        return (yield)
    except Exception as error:
        if fixturedef.scope != "session":
            raise
        reason = f"the shared fixture {fixturedef.argname!r} failed"
        request.session.shouldfail = f"{reason}; see the error above"
        if _already_reported(request):
            pytest.skip(f"{reason}, as in another process of this run, which has reported it")
        pytest.fail(f"{reason}: {type(error).__name__}: {error}", pytrace=False)


def _already_reported(request: pytest.FixtureRequest) -> bool:
    folders: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    own = folders.getbasetemp()
    shared: Path = own.parent if hasattr(request.config, "workerinput") else own
    try:
        (shared / MARKER).touch(exist_ok=False)
    except FileExistsError:
        return True
    return False


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One running Perennial for all tests that do not stop it. A lost connection counts after 300 ms.

    Nothing listens at the address of its topic.
    """
    topics = json.dumps({TOPIC: "http://127.0.0.1:9/sns"})
    settings = {"PERENNIAL_PRESENCE_DEBOUNCE": "PT0.3S", "PERENNIAL_INSTANCES__demo__topics": topics}
    running = Stack(tmp_path_factory.mktemp("stack"), settings)
    running.start()
    yield running
    assert running.stop() == 0, running.log()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def kind_of_store(request: pytest.FixtureRequest) -> str:
    """Each kind in turn. A process of the tests comes back to it with each file, so nothing that takes time depends on it."""
    return request.param


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a PostgreSQL server for all tests that do not stop it."""
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def fresh(kind_of_store: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """Makes new stores."""
    if kind_of_store == "sqlite":
        return sqlite_files(tmp_path_factory.mktemp("stores"))
    return postgresql_databases(request.getfixturevalue("postgresql_server"))


@pytest.fixture(scope="session")
async def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[str]:
    """The URL of a migrated store on SQLite, to copy."""
    async with migrated_store(sqlite_files(tmp_path_factory.mktemp("template"))) as url:
        yield url


@pytest.fixture(scope="session")
async def postgresql_template(postgresql_server: str) -> AsyncGenerator[str]:
    """The URL of a migrated store on PostgreSQL, to copy."""
    async with migrated_store(postgresql_databases(postgresql_server)) as url:
        yield url


@pytest.fixture(scope="session")
def migrated(kind_of_store: str, request: pytest.FixtureRequest) -> str:
    """The URL of a migrated store to copy."""
    return request.getfixturevalue(f"{kind_of_store}_template")
