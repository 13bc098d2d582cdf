"""A short run of chaos in each shape, as `make chaos-long` does it with more seeds: the figures, and no difference."""

from __future__ import annotations

import asyncio
import sys

import pytest

from tests.stack import ROOT

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

SECONDS, PLACES = 45, 12


@pytest.mark.parametrize(("shape", "seed"), [("apart", 1), ("embedded", 1)])
async def test_short_run_is_as_promised(shape: str, seed: int) -> None:
    options = f"--seed {seed} --seconds {SECONDS} --shape {shape} --places {PLACES}".split()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chaos", *options),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, output
    assert "as promised" in output
