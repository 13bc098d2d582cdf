"""What every process does before it runs."""

from __future__ import annotations

import subprocess
import sys

FEW = 256

PROGRAM = f"""
import resource
from runtime.process import run_and_exit
resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW}, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

async def main():
    print(*resource.getrlimit(resource.RLIMIT_NOFILE))
    return 0

run_and_exit(main())
"""


def test_process_may_open_as_many_sockets_as_the_system_permits() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    at_once, most = map(int, ran.stdout.split())
    assert at_once == most > FEW
