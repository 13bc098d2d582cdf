"""The files that a newcomer installs from: the licence, the two lock files, and the imports of the examples."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from runtime.version import VERSION
from tests.stack import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock")


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def locked(lock: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / lock).read_text(), re.MULTILINE))


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=]", requirement)[0].lower() for requirement in requirements}


def test_license_file_holds_the_license_that_pyproject_names() -> None:
    assert project()["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_version_is_the_one_that_pyproject_names() -> None:
    assert project()["version"] == VERSION


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_file_pins_the_dependencies_of_the_product_and_the_examples(lock: str) -> None:
    needed = names(project()["dependencies"]) | names(project()["optional-dependencies"]["examples"])
    assert needed <= locked(lock)
    assert "boto3" in needed


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_file_names_no_package_host(lock: str) -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", (ROOT / lock).read_text())
