"""Checks of the variables `PERENNIAL_*`, before pydantic reads them: unknown names, and texts that must be JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from domain.mistakes import probably_meant

PREFIX = "PERENNIAL_"

SECRETS = ("access_keys", "codec_tokens", "encryption_keys", "store_url", "token_keys")
"""The settings that a file can hold, which a variable with the ending `_FILE` names."""

_CONFIG_FILE = f"{PREFIX}CONFIG"
"""The variable that names the file."""

_TESTS = f"{PREFIX}TEST_"
"""The beginning of the variables that only tests read."""

_FILES = {f"{setting}_file" for setting in SECRETS}

_SECRET_LISTS = ("codec_tokens", "encryption_keys", "token_keys")
_LISTS = {
    **dict.fromkeys(_SECRET_LISTS, 'must be a JSON list, such as ["at least 32 random characters"]'),
    "allowed_origins": 'must be a JSON list, such as ["https://shop.example.org"]',
    "allowed_hosts": 'must be a JSON list, such as ["chat.example.org"]',
}
_TABLES = {
    "access_keys": 'must be a JSON object, such as {"crm": {"secret": "..."}}',
    "instances": "must be a JSON object",
    "limits": 'must be a JSON object, such as {"messages": "off"}',
}


def wrong_variable(environment: Mapping[str, str], settings: Collection[str]) -> str | None:
    """Return the first mistake in the variables `PERENNIAL_*`, beginning with the variable's name; None without one.

    Args:
        environment: all variables. Upper and lower case are the same.
        settings: the names of the settings, in lower case.
    """
    for name, value in environment.items():
        if name.upper().startswith(PREFIX) and (mistake := _mistake(name, value, settings)):
            return f"{name} {mistake}"
    return None


def _mistake(name: str, value: str, settings: Collection[str]) -> str | None:
    if name == _CONFIG_FILE or name.upper().startswith(_TESTS):
        return None
    setting, within, _ = name[len(PREFIX) :].lower().partition("__")
    if not within and setting in _FILES:
        return None
    if setting not in settings or (within and setting not in _TABLES):
        meant = probably_meant(setting, {*settings, *_FILES} - {setting})
        question = f"; did you mean {PREFIX}{meant.upper()}?" if meant else ";"
        return f"is not a setting{question} docs/settings.md lists all"
    if within:
        return None
    if setting in _LISTS and not isinstance(_json(value), list):
        return _LISTS[setting]
    if setting in _TABLES and not isinstance(_json(value), dict):
        return _TABLES[setting]
    return None


def _json(value: str) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return None
