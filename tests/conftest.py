"""What all suites share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One running Perennial for all tests that do not stop it. A lost connection counts after 300 ms."""
    running = Stack(tmp_path_factory.mktemp("stack"), {"PERENNIAL_PRESENCE_DEBOUNCE": "PT0.3S"})
    running.start()
    yield running
    assert running.stop() == 0, running.log()
