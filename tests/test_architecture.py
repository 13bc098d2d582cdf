"""The arrows between the rooms, as pyproject.toml states them, hold."""

from __future__ import annotations

import subprocess
import sys

from tests.stack import ROOT


def test_the_arrows_hold() -> None:
    lint = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    result = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert result.returncode == 0, result.stdout
