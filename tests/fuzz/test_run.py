"""A short run of fuzzing. `make fuzz` makes a long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.__main__ import report
from fuzz.run import SHARES, run

pytestmark = pytest.mark.slow

SEED = 1
ATTEMPTS = 300


async def test_hostile_requests_frames_and_signals_do_no_harm(tmp_path: Path) -> None:
    result = await run(SEED, range(ATTEMPTS), tmp_path)
    assert not result.problems, "\n".join(report(SEED, result))
    assert {kind for kind, _ in result.counts} == SHARES.keys()
    assert result.counts.total() == ATTEMPTS
    # it says little about operations that refuse everything
    assert result.counts["documented", "200"] > 10
    assert result.counts["connect", "200"] > 5
    assert result.counts["signals", "done"] > 10
    assert result.counts["sockets", "open"] > 2
