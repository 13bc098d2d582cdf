"""Public class names are unique, and the texts are plain English."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = (
    *(
        "activities",
        "api",
        "bench",
        "chaos",
        "configuration",
        "domain",
        "engine",
        "fuzz",
        "realtime",
        "routing",
        "runtime",
        "scans",
        "store",
        "webhooks",
        "wire",
    ),
    "workflows",
)
SOURCES = sorted({*ROOT.glob("*.py"), *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))})
PAGES = sorted({ROOT / "README.md", *(ROOT / "docs").glob("*.md")})

WIRE_MODELS_MAY_SHARE: frozenset[str] = frozenset()
"""Names that wire models of different services share."""

NOT_PLAIN = re.compile(
    r"\b(is|are|was) no news\b|\bamounts? to\b|\bbrings? (it )?about\b|\bbrought about\b|\bby and by\b|\bis told\b|\bare told\b"
    r"|\bwas told\b|\bwere told\b|\btells? (it|them|him|her) of\b|\bhears of\b"
    r"|\b(of|to|for|from|by|with) whom? ([a-z]+ )?(is|are|was|were|has|have|had)\b"
    r"|\bwho(m)? (is|are|was|has|have|had) [a-z]+ (is|are|was|has|have|may|must)\b",
    re.IGNORECASE,
)
"""Phrases that this project's texts do not use."""


def public_classes(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]


def prose(path: Path) -> list[tuple[int, str]]:
    """The comments and string literals of a module, by line."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return [(token.start[0], token.string) for token in tokens if token.type in (tokenize.COMMENT, tokenize.STRING)]


def test_each_public_class_has_a_name_of_its_own() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in SOURCES:
        for name in public_classes(path):
            places[name].append(str(path.relative_to(ROOT)))
    shared = {name: paths for name, paths in places.items() if len(paths) > 1 and name not in WIRE_MODELS_MAY_SHARE}
    assert shared == {}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_texts_in_modules_are_plain_english(path: Path) -> None:
    assert [(line, text) for line, text in prose(path) if NOT_PLAIN.search(" ".join(text.split()))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_are_plain_english(page: Path) -> None:
    text = " ".join(page.read_text().split())
    assert [text[max(found.start() - 40, 0) : found.end() + 40] for found in NOT_PLAIN.finditer(text)] == []
