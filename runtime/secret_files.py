"""Secrets in files: `PERENNIAL_TOKEN_KEYS_FILE=/run/secrets/token_keys` instead of the value in a variable.

Platforms mount secrets as files, and replace the files when the secrets change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.environment import PREFIX, SECRETS
from runtime.errors import StartupError

_TYPES: dict[str, type] = {"access_keys": dict, "codec_tokens": list, "encryption_keys": list, "token_keys": list}
_SUFFIX = "_file"


def secret_files(environment: Mapping[str, str]) -> dict[str, Path]:
    """The files of secrets that the environment names, by setting.

    Raises:
        StartupError: a variable gives the same setting.
    """
    variables = {name.lower(): value for name, value in environment.items()}
    found: dict[str, Path] = {}
    for setting in SECRETS:
        name = f"{PREFIX.lower()}{setting}"
        if path := variables.get(name + _SUFFIX):
            if name in variables:
                raise StartupError(f"{name.upper()} and {(name + _SUFFIX).upper()} are both set; unset one")
            found[setting] = Path(path)
    return found


def secrets(environment: Mapping[str, str]) -> dict[str, Any]:
    """Read the files of secrets. Returns the values by setting.

    Raises:
        StartupError: a file cannot be read, or is not JSON where the setting is a list or a table. The message has no content.
    """
    return {setting: _value(setting, path) for setting, path in secret_files(environment).items()}


def _value(setting: str, path: Path) -> Any:
    name = f"{PREFIX}{setting}{_SUFFIX}".upper()
    try:
        text = path.read_text("utf-8").strip()
    except OSError as error:
        raise StartupError(f"{name}: the file {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise StartupError(f"{name}: the file {path} is not a text in UTF-8") from None
    expected = _TYPES.get(setting)
    if expected is None:
        return text
    try:
        value: Any = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, expected):
        raise StartupError(f"{name}: the file {path} must hold a JSON {'list' if expected is list else 'object'}")
    return value
