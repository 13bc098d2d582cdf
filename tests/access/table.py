"""The tables of docs/security.md that say who may do what. The page is the only place that has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.stack import ROOT

SECTION = "Who may do what"
WITHOUT_PRINCIPALS = ("name", "role")
"""Columns that say something else."""


class Cell(NamedTuple):
    """What one kind of caller gets from one operation."""

    plane: str
    operation: str
    role: str
    principal: str
    outcome: str


def read_cells() -> list[Cell]:
    """All cells of all tables. The heading above a table names its plane."""
    text = (ROOT / "docs" / "security.md").read_text()
    section = re.search(rf"^## {SECTION}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section
    _, *planes = re.split(r"^### (.+)$", section[1], flags=re.MULTILINE)
    return [cell for name, body in zip(planes[::2], planes[1::2], strict=True) for cell in _cells(name, body)]


def _cells(plane: str, body: str) -> Iterator[Cell]:
    head, _, *lines = (
        [each.strip() for each in line.strip("|").split("|")] for line in body.splitlines() if line[:1] == "|"
    )
    for line in lines:
        row = dict(zip(head, line, strict=True))
        operation, role = row.pop("operation").strip("`"), row.get("role", "")
        for principal, outcome in row.items():
            if principal not in WITHOUT_PRINCIPALS:
                yield Cell(plane, operation, role, principal, outcome)
