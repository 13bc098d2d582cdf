"""The map of docs/architecture.md: its rooms are the packages, its layers those of import-linter, its arrows the imports."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator

from tests.docs.markdown import PAGES, table_rows
from tests.stack import ROOT

PAGE = next(page for page in PAGES if page.name == "docs/architecture.md")
NO_ROOMS = {"tests", "bench", "chaos", "fuzz", "scans"}
ROOMS = {path.parent.name for path in ROOT.glob("*/__init__.py")} - NO_ROOMS
CELL = re.compile(r"│ ([a-z]+) +│")
UPWARD = re.compile(r"`([\w/]+\.py)` imports `([\w.]+)`")


def drawn_layers() -> list[set[str]]:
    """The rows of boxes in the picture, from the top."""
    picture = next(block.code for block in PAGE.blocks if "│ domain" in block.code)
    return [set(rooms) for line in picture.splitlines() if (rooms := CELL.findall(line))]


def imports(room: str) -> Iterator[tuple[str, str]]:
    """The imports of other rooms in the modules of a room, each as path and imported module."""
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module]
            for module in modules:
                if module.partition(".")[0] in ROOMS - {room}:
                    yield path.relative_to(ROOT).as_posix(), module


def test_rooms_of_the_picture_are_the_packages() -> None:
    drawn = [room for layer in drawn_layers() for room in layer]
    assert set(drawn) == ROOMS
    assert len(drawn) == len(ROOMS)


def test_layers_of_the_picture_are_those_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert drawn_layers() == [set(re.split(r"\s*\|\s*", layer)) for layer in layers]


def test_each_room_has_one_line_with_its_imports() -> None:
    documented = {room.strip("`"): set(re.findall(r"`(\w+)`", used)) for room, _, used in table_rows(PAGE, "Map")}
    assert documented == {room: {module.partition(".")[0] for _, module in imports(room)} for room in ROOMS}


def test_only_the_named_module_imports_a_room_above() -> None:
    depth = {room: number for number, layer in enumerate(drawn_layers()) for room in layer}
    upward = {
        (path, module)
        for room in ROOMS
        for path, module in imports(room)
        if depth[module.partition(".")[0]] <= depth[room]
    }
    [(path, package)] = UPWARD.findall(PAGE.prose)
    assert {path for path, _ in upward} == {path}
    assert all(module.startswith(f"{package}.") for _, module in upward)
