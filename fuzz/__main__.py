"""`python -m fuzz`: a run by seed. Exit code 1 when something is wrong; it names the attempts that repeat it."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import uvloop

from fuzz.run import FuzzResult, run

REQUESTS = 20_000
SQLITE, POSTGRES = "sqlite", "postgresql"
SHOWN = 40
"""So many problems are printed; the others are counted."""


def main() -> int:
    """Run, and print figures and problems."""
    arguments = _arguments()
    numbers = range(arguments.requests) if arguments.case is None else [arguments.case]
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    folder.chmod(0o755)  # PostgreSQL may run as another user
    on_postgres = arguments.store == POSTGRES
    result = uvloop.run(run(arguments.seed, numbers, folder, on_postgres=on_postgres))
    for line in report(arguments.seed, result, arguments.store):
        print(line)
    if not result.problems:
        shutil.rmtree(folder, ignore_errors=True)
        return 0
    print(f"{len(result.problems)} problems; the log is in {folder}")
    return 1


def report(seed: int, result: FuzzResult, store: str = SQLITE) -> Iterator[str]:
    """Yield the figures of a run, and what is wrong."""
    yield f"seed {seed} on {store}: {result.counts.total()} attempts in {result.seconds:.0f} s, {result.waits} refusals for load"
    for kind, count in _sums(result, 0).most_common():
        statuses = Counter({status: count for (of, status), count in result.counts.items() if of == kind})
        yield f"  {kind}: {count} (" + ", ".join(f"{name}: {number}" for name, number in statuses.most_common()) + ")"
    yield "  all: " + ", ".join(f"{name}: {number}" for name, number in _sums(result, 1).most_common())
    for number, attempt in result.problems[:SHOWN]:
        repeat = f"; repeat it: python -m fuzz --store {store} --seed {seed} --case {number}" if number >= 0 else ""
        yield f"WRONG {attempt.what}: {attempt.problem}{repeat}"
        if attempt.sent:
            yield f"    {attempt.sent}"


def _sums(result: FuzzResult, part: int) -> Counter[str]:
    found = Counter[str]()
    for key, count in result.counts.items():
        found[key[part]] += count
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides on all attempts (default: 1)")
    parser.add_argument("--requests", type=int, default=REQUESTS, help=f"how many attempts (default: {REQUESTS})")
    parser.add_argument("--store", choices=[SQLITE, POSTGRES], default=SQLITE, help="the store (default: sqlite)")
    parser.add_argument("--case", type=int, help="only the attempt of this number")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
