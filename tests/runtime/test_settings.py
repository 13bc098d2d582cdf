"""Settings: which of file and environment wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.settings import load_settings

FILE = """
[access_keys.perennial]
secret = "perennial-demo-secret"
[instances.demo.workstreams.live]
mode = "live"
queue = "live"
[instances.demo.agents.a1]
name = "Agent One"
"""
OWN = "a secret of our own"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "perennial.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("variable", ["PERENNIAL_ACCESS_KEYS", "perennial_access_keys"])
@pytest.mark.parametrize(
    ("value", "names"), [("{}", set[str]()), (f'{{"crm": {{"secret": "{OWN}"}}}}', {"crm"})], ids=["empty", "own"]
)
def test_variable_with_a_whole_table_replaces_the_table_of_the_file(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, names: set[str]
) -> None:
    monkeypatch.setenv(variable, value)
    settings = load_settings()
    assert settings.access_keys.keys() == names
    assert settings.instances.keys() == {"demo"}


def test_variable_with_all_instances_replaces_those_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_INSTANCES", '{"other": {"workstreams": {"w": {"mode": "live", "queue": "q"}}}}')
    assert load_settings().instances.keys() == {"other"}


def test_variable_that_names_a_key_of_a_table_changes_this_key_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_ACCESS_KEYS__crm__secret", OWN)
    monkeypatch.setenv("PERENNIAL_INSTANCES__demo__agents__a1__name", "Ada")
    settings = load_settings()
    assert settings.access_keys.keys() == {"crm", "perennial"}
    assert settings.instances["demo"].agents["a1"].name == "Ada"
    assert settings.instances["demo"].workstreams.keys() == {"live"}


def test_without_the_demo_key_any_host_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_ACCESS_KEYS", "{}")
    monkeypatch.setenv("PERENNIAL_API_HOST", "0.0.0.0")
    assert load_settings().api_host == "0.0.0.0"
