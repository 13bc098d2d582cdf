"""The key of tokens that the all-in-one process keeps in its data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.tokens import token_keys
from runtime.errors import StartupError


def test_key_is_made_once(tmp_path: Path) -> None:
    [key] = token_keys((), tmp_path / "data")
    assert len(key) >= 32
    assert token_keys((), tmp_path / "data") == (key,)
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["token.key"]
    assert (tmp_path / "data" / "token.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"short", b"k" * 31, b"  " * 40, b"\xff" * 40])
def test_unusable_key_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token.key"
    path.write_bytes(content)
    with pytest.raises(StartupError, match=f"the token key {path} ") as raised:
        token_keys((), tmp_path)
    assert "\n" not in str(raised.value)
    assert path.read_bytes() == content


def test_configured_keys_need_no_file(tmp_path: Path) -> None:
    assert token_keys(("k" * 32,), tmp_path) == ("k" * 32,)
    assert not (tmp_path / "token.key").exists()
