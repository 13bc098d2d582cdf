"""The quickstart script of the README runs as a reader would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.stack import ROOT, Stack

SCRIPT = Path(__file__).with_name("quickstart.py")


def test_quickstart_script_runs_unmodified(stack: Stack, tmp_path: Path) -> None:
    environment = {
        name: value for name, value in stack.environment.items() if not name.startswith(("AWS_", "PERENNIAL_"))
    }
    completed = subprocess.run(
        [sys.executable, str(SCRIPT)],
        cwd=tmp_path,
        env={**environment, "AWS_ENDPOINT_URL": stack.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    joined, question, end = completed.stdout.splitlines()
    assert joined.endswith("Ada application/vnd.amazonaws.connect.event.participant.joined")
    assert question.endswith("Ada Do bees sleep?")
    assert end.startswith("CHAT {'topic': 'bees'} ended at 20")


def test_readme_contains_the_quickstart_script() -> None:
    code = SCRIPT.read_text().split('"""', 2)[2].strip()
    assert code in (ROOT / "README.md").read_text()
