"""The scan for secrets: what it finds, and what is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scans.secrets import KNOWN, PUBLISHED, find, known


def a_secret(length: int = 24) -> str:
    """A value that looks like a secret. It is put together here, so that this file has none."""
    return "".join(chr(ord("a") + number * 7 % 26) for number in range(length))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("settings.toml", f'secret = "{a_secret()}"'),
        ("deploy.env", f"PERENNIAL_STORE_URL=postgresql://user:{a_secret()}@db/x"),
        ("key.pem", "-----BEGIN " + "PRIVATE KEY-----"),
        ("notes.md", f"Authorization: AKIA{'ABCDEFGH12345678'}"),
    ],
)
def test_secret_is_found(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(f"{text}\n")
    assert {(finding.file, line) for finding, line in find([name], tmp_path).items()} == {(name, 1)}


def test_published_secret_is_none(tmp_path: Path) -> None:
    [published] = PUBLISHED
    (tmp_path / "settings.toml").write_text(f'secret = "{published}"\n')
    assert find(["settings.toml"], tmp_path) == {}


def test_each_known_finding_has_a_reason(tmp_path: Path) -> None:
    assert known(KNOWN)
    file = tmp_path / "known.toml"
    entry = {"file": "a", "kind": "b", "hash": "c", "why": ""}
    file.write_text("[[known]]\n" + "\n".join(f"{name} = {json.dumps(value)}" for name, value in entry.items()))
    with pytest.raises(ValueError, match="no reason"):
        known(file)
