"""The table of a benchmark: what was measured, against what, and the goal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Row:
    """One measurement, in several rounds.

    Attributes:
        what: what was measured, with its unit.
        product: the value of the product in each round.
        floor: the value of the floor in each round; empty when there is none.
        against: the name of the floor; without values of it, why there are none.
        goal: the ratio to reach or, without a floor, the value; None: no goal.
        more_is_better: whether the goal is a minimum; else it is a maximum.
    """

    what: str
    product: Sequence[float]
    floor: Sequence[float] = field(default=())
    against: str = ""
    goal: float | None = None
    more_is_better: bool = True

    @property
    def ratios(self) -> list[float]:
        """The ratio of product and floor in each round."""
        return [ours / theirs for ours, theirs in zip(self.product, self.floor, strict=False) if theirs]

    @property
    def result(self) -> float:
        """The median ratio or, without a floor, the median value."""
        return median(self.ratios or self.product)

    @property
    def is_reached(self) -> bool | None:
        """Whether the goal is reached; None without a goal."""
        if self.goal is None:
            return None
        return self.result >= self.goal if self.more_is_better else self.result <= self.goal


def print_table(title: str, rows: Sequence[Row]) -> None:
    """Print rows as a Markdown table."""
    print(f"\n{title}\n\n| what | product | against | ratio | spread | goal |\n|---|---|---|---|---|---|")
    for row in rows:
        floor = f"{row.against} {_number(median(row.floor))}" if row.floor else row.against
        ratio = f"{row.result:.2f}" if row.ratios else ""
        spread = f"{min(row.ratios):.2f} to {max(row.ratios):.2f}" if len(row.ratios) > 1 else ""
        print(f"| {row.what} | {_number(median(row.product))} | {floor} | {ratio} | {spread} | {_goal(row)} |")


def write_json(path: Path, tables: dict[str, Sequence[Row]]) -> None:
    """Write all values of all rounds."""
    content = {title: [asdict(row) | {"ratios": row.ratios} for row in rows] for title, rows in tables.items()}
    path.write_text(json.dumps(content, indent=1))


def _goal(row: Row) -> str:
    if row.goal is None:
        return ""
    sign = "at least" if row.more_is_better else "at most"
    return f"{sign} {row.goal:g}: {'reached' if row.is_reached else '**missed**'}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
