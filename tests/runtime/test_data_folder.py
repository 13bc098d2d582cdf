"""The data folder of processes that run apart: it is created, or the process does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap import opened_resources
from runtime.errors import StartupError
from runtime.settings import Settings


async def test_missing_folder_is_created_for_the_store(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    async with opened_resources(Settings(data_dir=folder)):
        assert (folder / "store.db").exists()


async def test_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "data", Path("/proc/x")):
        with pytest.raises(StartupError, match=f"^the data folder {folder} cannot be used"):
            async with opened_resources(Settings(data_dir=folder)):
                pass


async def test_folder_is_not_created_for_a_store_elsewhere(tmp_path: Path) -> None:
    async with opened_resources(Settings(data_dir=tmp_path / "data", store_url=f"sqlite:///{tmp_path}/other.db")):
        assert not (tmp_path / "data").exists()
