"""A pytest plugin with one fixture, `replay_histories`. Enable it in a `conftest.py`:

    pytest_plugins = ["workflows.replay_plugin"]

and replay the histories of your own conversations in a test:

    def test_our_conversations_replay(replay_histories):
        replay_histories("histories/")
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from temporalio.converter import DataConverter
    from temporalio.worker import WorkflowRunner


class ReplayHistories(Protocol):
    """The type of the fixture."""

    def __call__(
        self, *paths: str | Path, runner: WorkflowRunner | None = None, converter: DataConverter | None = None
    ) -> None:
        """Replay files and folders of histories. See `workflows.replay.replay_all`."""
        ...


@pytest.fixture
def replay_histories() -> ReplayHistories:
    """Return a function that replays histories, and fails the test once: a line for each history that differs."""
    # imported here: pytest imports plugins first, and must be able to report that the workflows cannot be imported
    from workflows.replay import replay_all, report_differences

    def check(*paths: str | Path, runner: WorkflowRunner | None = None, converter: DataConverter | None = None) -> None:
        files, options = [Path(path) for path in paths], {"converter": converter} if converter else {}
        # a thread of its own, because the test may run in an event loop
        with ThreadPoolExecutor(max_workers=1) as threads:
            replaying = threads.submit(asyncio.run, replay_all(files, runner, **options))
            differences = report_differences(replaying.result())
        if differences is not None:
            pytest.fail(differences, pytrace=False)

    return check
