"""When a shared fixture or the product itself is broken, a test run reports one error, not one for each test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack import ROOT

pytestmark = pytest.mark.slow

CONFTEST = """
import pytest
from tests.conftest import pytest_configure, pytest_fixture_setup

@pytest.fixture(scope="session")
def stack():
    raise RuntimeError("its port is taken")
"""
TESTS = """
import pytest

@pytest.mark.parametrize("number", range(20))
def test_something(stack, number):
    pass
"""


def run_suite(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on three modules whose tests all use a fixture that fails."""
    (folder / "conftest.py").write_text(CONFTEST)
    for number in range(3):
        (folder / f"test_{number}.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("options", [(), ("--numprocesses", "2", "--dist", "loadfile")], ids=["alone", "parallel"])
def test_shared_fixture_that_fails_is_one_error(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = run_suite(tmp_path, *options)
    assert done.returncode != 0
    errors = re.findall(r"^ERROR .*", done.stdout, re.MULTILINE)
    assert len(errors) == 1, done.stdout
    assert "the shared fixture 'stack' failed: RuntimeError: its port is taken" in done.stdout
    assert len(done.stdout.splitlines()) < 40, done.stdout


def test_product_that_cannot_be_imported_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "perennial.py").write_text("import no_such_module\n")
    done = run_suite(tmp_path)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    [error] = done.stderr.strip().splitlines()
    assert error.startswith(
        "ERROR: the product cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"
    )
    assert "perennial.py:1" in error
