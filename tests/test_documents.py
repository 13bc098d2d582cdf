"""The tests, pictures and pages that the documentation names exist."""

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
def test_test_named_in_a_document_exists(page: str, path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in tests, f"{page} names {path}::{name}"


@pytest.mark.parametrize(("page", "target"), LINKS)
def test_link_target_exists(page: Path, target: str) -> None:
    assert (page.parent / target).exists()


def test_lifecycle_page_names_its_tests() -> None:
    assert len([page for page, _, _ in TESTS if page == "lifecycle.md"]) >= 11
