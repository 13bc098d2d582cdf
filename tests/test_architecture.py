"""The import contracts between packages, as stated in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys

from tests.stack import ROOT


def test_import_contracts_hold() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert result.returncode == 0, result.stdout
