"""`python -m chaos`: runs of chaos by seed. Exit code 1 when a run differs from what is promised."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import uvloop

from chaos.deployment import APART, DEFAULT, EMBEDDED, POWER
from chaos.figures import recoveries, report
from chaos.journal import Journal
from chaos.pace import Pace
from chaos.run import Plan, Result, run

PLACES = 50
"""Customers at the same time."""


def main() -> int:
    """Run the seeds one after the other, and print figures and differences."""
    arguments = _arguments()
    journals: list[Journal] = []
    failed: list[str] = []
    for seed in arguments.seeds:
        plan = Plan(
            seed,
            arguments.seconds,
            arguments.shape,
            arguments.durability,
            arguments.places,
            Pace(arguments.talk, arguments.haste),
        )
        command = f"python -m chaos {_options(plan)}"
        _tell(f"== {command}")
        folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        folder.chmod(0o755)  # PostgreSQL may run as another user
        result: Result = uvloop.run(run(plan, folder, _tell))
        journals.append(result.journal)
        for line in report(result.journal, result.differences):
            _tell(line)
        if result.differences:
            failed.append(command)
            _keep(folder, result)
            _tell(f"{len(result.differences)} differences; its logs, journal and evidence are in {folder}")
        else:
            _tell("as promised")
            shutil.rmtree(folder, ignore_errors=True)
    _tell(f"== {sum(len(journal.acknowledged) for journal in journals)} messages accepted; recovery by kind of fault:")
    for line in recoveries(journals):
        _tell(line)
    for command in failed:
        _tell(f"FAILED, run again: {command}")
    return 1 if failed else 0


def _keep(folder: Path, result: Result) -> None:
    """Write what people and parts said beside the logs."""
    for name, what in (("journal", result.journal), ("evidence", result.evidence)):
        (folder / f"{name}.json").write_text(json.dumps(what, default=_plain, indent=1))


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return str(value)


def _tell(line: str) -> None:
    print(line, flush=True)


def _options(plan: Plan) -> str:
    values = f"--seed {plan.seed} --seconds {plan.seconds:g} --shape {plan.shape}"
    return f"{values} --durability {plan.durability} --places {plan.places} --talk {plan.pace.talk} --haste {plan.pace.haste:g}"


def _seeds(text: str) -> list[int]:
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument(
        "--seed", "--seeds", dest="seeds", type=_seeds, default=[1], help="a seed, or several as in 1-10"
    )
    parser.add_argument("--seconds", type=float, default=120, help="how long faults are injected (default: 120)")
    parser.add_argument("--shape", choices=[APART, EMBEDDED], default=APART, help="processes apart, or all in one")
    parser.add_argument(
        "--durability", choices=[DEFAULT, POWER], default=DEFAULT, help="whether the disk is waited for"
    )
    parser.add_argument("--places", type=int, default=PLACES, help=f"customers at a time (default: {PLACES})")
    parser.add_argument("--talk", type=int, default=1, help="how many times the usual messages a chat has (default: 1)")
    parser.add_argument("--haste", type=float, default=1, help="how many times faster people write (default: 1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
