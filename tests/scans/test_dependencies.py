"""The audit of the dependencies: what counts as a vulnerability, and what as a database that cannot be reached."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scans.dependencies import NotReachable, npm_vulnerabilities, python_vulnerabilities

SAFE: dict[str, Any] = {"name": "safe", "version": "1", "vulns": []}
UNSAFE: dict[str, Any] = {"name": "unsafe", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": []}]}
UNKNOWN: dict[str, Any] = {"name": "unknown", "skip_reason": "Dependency not found on PyPI"}


def pip_audit(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.mark.parametrize(
    ("packages", "found"),
    [
        ([SAFE], []),
        ([SAFE, UNSAFE], ["unsafe 2: PYSEC-1"]),
        ([UNSAFE, UNKNOWN], ["unsafe 2: PYSEC-1", "unknown: Dependency not found on PyPI"]),
        ([SAFE, UNKNOWN], ["unknown: Dependency not found on PyPI"]),
    ],
)
def test_vulnerable_and_unknown_python_packages_are_findings(packages: list[dict[str, Any]], found: list[str]) -> None:
    assert python_vulnerabilities(pip_audit(*packages)) == found


@pytest.mark.parametrize("output", ["", "Traceback", pip_audit(UNKNOWN, UNKNOWN), json.dumps({"error": "x"})])
def test_without_a_database_nothing_is_known(output: str) -> None:
    with pytest.raises(NotReachable):
        python_vulnerabilities(output)


def test_vulnerable_npm_packages_are_findings() -> None:
    bad = {"ws": {"severity": "high", "range": "<8.17.1"}}
    assert npm_vulnerabilities(json.dumps({"vulnerabilities": bad})) == ["ws: high, <8.17.1"]
    assert npm_vulnerabilities(json.dumps({"vulnerabilities": {}})) == []


@pytest.mark.parametrize("output", ["", json.dumps({"message": "405", "statusCode": 405})])
def test_without_the_database_of_npm_nothing_is_known(output: str) -> None:
    with pytest.raises(NotReachable):
        npm_vulnerabilities(output)
