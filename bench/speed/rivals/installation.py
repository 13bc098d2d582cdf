"""Installs the rivals exactly as locked, in a folder of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from tests.npm import NODE, NPM
from tests.stack import ROOT

LOCKS = Path(__file__).parent
FOLDER = ROOT / ".rivals"
INSTALL_SECONDS = 600


class NotInstalled(Exception):
    """A rival cannot be installed. The message is one line."""


def install_python_packages() -> Path:
    """Install the rivals' Python packages. Return their Python.

    Raises:
        NotInstalled: a command failed.
    """
    folder, lock = FOLDER / "python", LOCKS / "requirements.lock"
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _install(
        folder,
        lock,
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [*pip, "--require-hashes", "-r", str(lock)],
    )
    return python


def install_restate_server() -> Path:
    """Install Restate's server. Return its binary.

    Raises:
        NotInstalled: a command failed, or there is no binary for this machine.
    """
    folder, lock = FOLDER / "node", LOCKS / "package-lock.json"
    folder.mkdir(parents=True, exist_ok=True)
    for file in (lock, LOCKS / "package.json"):
        shutil.copy(file, folder)
    _install(
        folder,
        lock,
        [str(NODE), str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
    )
    found = list(folder.glob("node_modules/@restatedev/restate-server-*/bin/restate-server"))
    if not found:
        raise NotInstalled("there is no server for this machine")
    return found[0]


def _install(folder: Path, lock: Path, *commands: list[str]) -> None:
    """Run commands that install a lock file into a folder, unless it is installed there already."""
    folder.mkdir(parents=True, exist_ok=True)
    locked, stamp = sha256(lock.read_bytes()).hexdigest(), folder / ".locked"
    if stamp.exists() and stamp.read_text() == locked:
        return
    for command in commands:
        _run(command, folder)
    stamp.write_text(locked)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"not installed within {INSTALL_SECONDS} s") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise NotInstalled(f"not installed: {lines[-1]}")
