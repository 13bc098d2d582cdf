"""Secrets in files: the values are those of the files, and each mistake names its variable but no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import StartupError
from runtime.settings import load_settings

KEY = "a token key of at least 32 characters"
FILE = '[access_keys.demo]\nsecret = "perennial-demo-secret"\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "perennial.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)


def test_secrets_come_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {
        "token_keys": f'["{KEY}"]\n',
        "access_keys": '{"crm": {"secret": "a secret of the crm"}}',
        "store_url": "postgresql://me:hidden@db/x\n",
    }
    for setting, content in contents.items():
        (tmp_path / setting).write_text(content)
        monkeypatch.setenv(f"PERENNIAL_{setting.upper()}_FILE", str(tmp_path / setting))
    settings = load_settings()
    assert settings.token_keys == (KEY,)
    assert settings.access_keys.keys() == {"crm"}
    assert settings.store_url == "postgresql://me:hidden@db/x"


@pytest.mark.parametrize(
    ("variable", "content", "message"),
    [
        ("TOKEN_KEYS", f'"{KEY}"'.encode(), "must hold a JSON list"),
        ("TOKEN_KEYS", KEY.encode(), "must hold a JSON list"),
        ("ACCESS_KEYS", f'["{KEY}"]'.encode(), "must hold a JSON object"),
        ("TOKEN_KEYS", KEY.encode("utf-16"), "is not a text in UTF-8"),
        ("STORE_URL", None, "cannot be read: No such file or directory"),
    ],
)
def test_wrong_file_is_named_without_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(f"PERENNIAL_{variable}_FILE", str(path))
    with pytest.raises(StartupError, match=rf"^PERENNIAL_{variable}_FILE: the file {path} {message}") as raised:
        load_settings()
    assert KEY not in str(raised.value)


def test_variable_and_file_of_one_setting_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_TOKEN_KEYS", f'["{KEY}"]')
    monkeypatch.setenv("PERENNIAL_TOKEN_KEYS_FILE", str(tmp_path / "secret"))
    with pytest.raises(StartupError, match="PERENNIAL_TOKEN_KEYS and PERENNIAL_TOKEN_KEYS_FILE are both set"):
        load_settings()


def test_settings_that_are_no_secrets_come_from_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_API_PORT_FILE", "/x")
    with pytest.raises(StartupError, match="PERENNIAL_API_PORT_FILE is not a setting"):
        load_settings()
