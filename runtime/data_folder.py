"""The data folder of a process."""

from __future__ import annotations

from pathlib import Path

from runtime.errors import StartupError


def create_data_dir(data_dir: Path) -> None:
    """Create the data folder, for this user alone, unless it exists.

    Raises:
        StartupError: it cannot be created, or is not a folder.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise unusable(data_dir, "it is not a folder") from None
    except OSError as error:
        raise unusable(data_dir, error.strerror) from None


def unusable(data_dir: Path, reason: str | None) -> StartupError:
    """Return the error for a data folder that this process cannot use."""
    return StartupError(f"the data folder {data_dir} cannot be used ({reason}); choose another with PERENNIAL_DATA_DIR")
