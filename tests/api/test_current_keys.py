"""Files of keys that change while a process looks at them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from api.current_keys import CurrentKeys
from api.tokens import Tokens
from runtime.settings import load_settings
from tests.workflows.engine import eventually

OFTEN = timedelta(milliseconds=1)
"""Many looks while the test waits."""


async def test_wrong_file_is_reported_once_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "access_keys"
    file.write_text('{"crm": {"secret": "a secret of the crm"}}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERENNIAL_ACCESS_KEYS_FILE", str(file))
    (tmp_path / "perennial.toml").touch()

    def errors() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]

    keys = CurrentKeys(load_settings(), Tokens(("a key",)), OFTEN)
    await keys.start()
    file.write_text("{")
    await reached(lambda: len(errors()) == 1)
    file.unlink()
    await reached(lambda: "cannot be read" in errors()[-1])
    file.write_text('{"shop": {"secret": "a secret of the shop"}}')
    await reached(lambda: keys.settings.access_keys.keys() == {"shop"})
    await keys.stop()
    assert ["must hold" in error for error in errors()] == [True, False]


async def reached(condition: Callable[[], bool]) -> None:
    async def check() -> bool | None:
        return condition() or None

    await eventually(check, "the process has looked")
