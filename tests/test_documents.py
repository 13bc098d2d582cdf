"""What the documentation names is there: the tests beside its statements, its pictures, the pages it links."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.stack import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TESTS = [
    (page.name, path, name)
    for page in PAGES
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text())
]
LINKS = [
    (page, target)
    for page in PAGES
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    if "://" not in target
]


@pytest.mark.parametrize(("page", "path", "name"), TESTS)
def test_a_test_that_is_named_is_there(page: str, path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in tests, f"{page} names {path}::{name}"


@pytest.mark.parametrize(("page", "target"), LINKS)
def test_what_is_linked_is_there(page: Path, target: str) -> None:
    assert (page.parent / target).exists()


def test_both_tables_of_the_documents_name_tests() -> None:
    assert len([page for page, _, _ in TESTS if page == "lifecycle.md"]) >= 11
