"""Everything that README.md and docs/*.md name exists: links, files, modules, commands, routes, variables, keys."""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from temporalio.envconfig import ClientConfig

from runtime.environment import SECRETS
from runtime.settings import Settings
from tests.chatjs.driver import FOLDER as CHATJS_FOLDER
from tests.docs.markdown import PAGES, Page
from tests.stack import ROOT, Stack

BY_PATH = {page.path: page for page in PAGES}
WITHOUT_SETTING = {"PERENNIAL_CONFIG", "PERENNIAL_TEST_POSTGRES_URL", "PERENNIAL_TEST_SEEDS"}
"""Variables that are read elsewhere: by `load_settings`, and by the tests."""
SOCKETS = {"GET /v1/agent/socket", "GET /participant/websocket"}
OUTSIDE_OPENAPI = {"GET /", "GET /docs", "GET /healthz", "GET /readyz", "GET /metrics", "GET /openapi.json", *SOCKETS}
TEMPORAL_VALUES = {"TEMPORAL_TLS": "true"}
ROOMS = sorted(path.name for path in ROOT.iterdir() if (path / "__init__.py").exists())


def mentions(find: Callable[[Page], list[str]]) -> list[Any]:
    """What pages mention, once for each page, as parameters of a test."""
    found = sorted({(page.name, mention) for page in PAGES for mention in find(page)})
    return [pytest.param(mention, id=f"{name}: {mention}") for name, mention in found]


def matches(pattern: str) -> Callable[[Page], list[str]]:
    """Finds a pattern in the whole text of a page."""
    return lambda page: re.findall(pattern, page.text)


LINKS = [
    pytest.param(page, target, id=f"{page.name}: {target}")
    for page in PAGES
    for target in page.links
    if "://" not in target
]


@pytest.mark.parametrize(("page", "target"), LINKS)
def test_link_leads_to_a_file_and_heading(page: Page, target: str) -> None:
    name, _, anchor = target.partition("#")
    path = (page.path.parent / name).resolve() if name else page.path
    assert path.exists()
    if anchor:
        assert anchor in BY_PATH[path].anchors


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.name)
def test_page_is_linked(page: Page) -> None:
    targets = {(other.path.parent / link.partition("#")[0]).resolve() for other in PAGES for link in other.links}
    assert page.path in targets


def paths(page: Page) -> list[str]:
    """Inline code that is a path: it begins with a folder of the project or ends like a file."""
    named = (code.partition("::")[0] for code in page.inline)
    return [
        path
        for path in named
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?", path)
        and (path.split("/")[0] in (*ROOMS, "docs", "bench", "chaos") or re.search(r"\.(py|md|toml|sh|js)$", path))
    ]


@pytest.mark.parametrize("path", mentions(paths))
def test_file_exists(chatjs: None, path: str) -> None:
    assert (ROOT / path).exists() or (CHATJS_FOLDER / "node_modules" / path).exists()


def named_tests(page: Page) -> list[str]:
    """The tests that a page names, as `path::name`."""
    return [code for code in page.inline if re.fullmatch(r"tests/[\w/]+\.py::\w+", code)]


@pytest.mark.parametrize("test", mentions(named_tests))
def test_named_test_exists(test: str) -> None:
    path, _, name = test.partition("::")
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert name in {node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, functions)}


def test_lifecycle_page_names_the_tests_of_its_features() -> None:
    assert len(named_tests(BY_PATH[ROOT / "docs" / "lifecycle.md"])) >= 11


def test_named_modules_exist() -> None:
    for page in PAGES:
        for name in page.inline:
            if re.fullmatch(rf"({'|'.join(ROOMS)})(\.\w+)+", name):
                pkgutil.resolve_name(name)


@pytest.mark.parametrize("target", mentions(matches(r"\bmake ([a-z]+)\b(?=[`\n ]*(?:`|\n|#|$))")))
def test_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("module", mentions(matches(r"python -m ([\w.]+)")))
def test_python_module_exists(module: str) -> None:
    assert importlib.util.find_spec(module)


@pytest.mark.parametrize("variable", mentions(matches(r"\bPERENNIAL_\w+")))
def test_variable_is_a_setting(variable: str) -> None:
    setting = variable.partition("__")[0].removeprefix("PERENNIAL_").lower()
    in_a_file = setting.removesuffix("_file") in SECRETS
    assert setting in Settings.model_fields or in_a_file or variable in WITHOUT_SETTING


def test_every_setting_is_documented() -> None:
    page = BY_PATH[ROOT / "docs" / "settings.md"]
    documented = set(re.findall(r"^\| `(PERENNIAL_\w+)` \|", page.text, re.MULTILINE))
    assert documented == {f"PERENNIAL_{name.upper()}" for name in Settings.model_fields} | {"PERENNIAL_CONFIG"}


@pytest.mark.parametrize("variable", mentions(matches(r"\bTEMPORAL_\w+")))
def test_temporal_variable_has_an_effect(variable: str) -> None:
    value = TEMPORAL_VALUES.get(variable, "x.example.org:7233")
    set_, unset = (
        ClientConfig.load_client_connect_config(config_file="/dev/null", override_env_vars=environment)
        for environment in ({variable: value}, {})
    )
    assert set_ != unset


@pytest.mark.parametrize("route", mentions(matches(r"`((?:GET|PUT|POST|DELETE) /[^`\s?]*)")))
def test_route_is_served(stack: Stack, route: str) -> None:
    method, path = re.sub(r"[{<]\w+[}>]", "x", route).split()
    served: dict[str, dict[str, Any]] = httpx.get(f"{stack.url}/openapi.json").json()["paths"]
    known = (re.sub(r"\{\w+\}", "[^/]+", template) for template, methods in served.items() if method.lower() in methods)
    assert route in OUTSIDE_OPENAPI or any(re.fullmatch(pattern, path) for pattern in known)


def keys_of_the_file() -> Iterator[str]:
    """The keys of all tables of perennial.toml, from the schema of the settings."""
    for table in Settings.model_json_schema()["$defs"].values():
        yield from table.get("properties", {})


@pytest.mark.parametrize("key", sorted(set(keys_of_the_file())))
def test_every_key_of_the_file_is_documented(key: str) -> None:
    assert any(re.search(rf"`{key}`|\b{key} = |\.{key}[\].]", page.text) for page in PAGES)
