"""`python -m scans.secrets`: finds secrets in the files of the repository. Exit code 1 when one is not known.

`known_secrets.toml` says of each known finding why it is none. A finding that it explains and that is gone counts, too.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import default_settings

ROOT = Path(__file__).parent.parent
KNOWN = Path(__file__).with_name("known_secrets.toml")

PUBLISHED = frozenset({"perennial-demo-secret"})
"""Secrets that everybody may know. `runtime.settings` refuses this one beyond loopback."""

NOT_SCANNED = (".lock", "package-lock.json", "scans/known_secrets.toml", "tests/replay/histories/")
"""Ends or beginnings of paths: files of hashes, and histories that the tests record, whose payloads are in base64."""

VERIFICATION = "detect_secrets.filters.common.is_ignored_due_to_verification_policies"
"""It would send what looks like a key to its service."""


class SecretFinding(NamedTuple):
    """What looks like a secret: the file, the kind, and a hash of the value."""

    file: str
    kind: str
    hash: str


def main() -> int:
    """Scan, and print what is not known, and what is known and gone."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S607 - git of the machine
    found, explained = find(listed.stdout.split("\0")), known(KNOWN)
    for finding in sorted(found.keys() - explained):
        print(f"{finding.file}:{found[finding]}: {finding.kind}, hash {finding.hash}")
    for finding in sorted(explained - found.keys()):
        print(f"{KNOWN.name}: {finding.file} has no {finding.kind} with the hash {finding.hash} any more")
    return 1 if found.keys() ^ explained else 0


def find(files: Sequence[str], root: Path = ROOT) -> dict[SecretFinding, int]:
    """Return what looks like a secret in these files, with its line. Nothing is sent anywhere."""
    scanned = [file for file in files if file and (root / file).is_file() and not _is_left_out(file)]
    collection = SecretsCollection(root=str(root))
    with default_settings() as settings:
        settings.disable_filters(VERIFICATION)
        collection.scan_files(*scanned)
    return {
        SecretFinding(file, secret.type, secret.secret_hash): secret.line_number
        for file, secret in collection
        if secret.secret_value not in PUBLISHED
    }


def known(file: Path) -> frozenset[SecretFinding]:
    """Return the findings that a file explains.

    Raises:
        ValueError: one has no reason.
    """
    return frozenset(_explained(tomllib.loads(file.read_text())["known"]))


def _explained(entries: Iterable[dict[str, str]]) -> Iterable[SecretFinding]:
    for entry in entries:
        if not entry.get("why", "").strip():
            raise ValueError(f"{entry} has no reason")
        yield SecretFinding(entry["file"], entry["kind"], entry["hash"])


def _is_left_out(file: str) -> bool:
    return file.endswith(NOT_SCANNED) or file.startswith(NOT_SCANNED)


if __name__ == "__main__":
    sys.exit(main())
