"""A reader of a page, who runs its code blocks in order: bash in a terminal, Python in one session, JavaScript as a file."""

from __future__ import annotations

import io
import json
import os
import re
import tomllib
from base64 import b64encode
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from configuration.policies import check_policies
from runtime.settings import Settings
from tests.docs.markdown import Block
from tests.docs.shell import Terminal
from tests.stack import ROOT, Stack

FILE_NAME = re.compile(r"// (\w+\.mjs)\b")
"""The first line of a JavaScript block names the file to which the block belongs."""

PLACEHOLDER = '"your own"'
WEBHOOK_SECRET = '"whsec_{}"'.format(b64encode(b"what a reader chooses at random").decode())
WEBHOOK_PLACEHOLDER = '"whsec_your own"'
"""What a reader replaces in the example of an access key."""


SHOWN = ("text", "html")
"""Languages of blocks that nothing runs."""


class Reader:
    """Runs blocks against a running Perennial. Only the default address of the API is replaced, by that of the stack."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._address = stack.url.removeprefix("http://")
        environment = {**stack.environment, "AWS_ENDPOINT_URL": stack.url, "TEMPORAL_ADDRESS": stack.temporal}
        self._terminal = Terminal(folder, environment)
        self._python: dict[str, Any] = {"__name__": "__main__"}
        self._latest = ""
        self.printed = ""
        self._run: dict[str, Callable[[Block, str], str]] = {
            "bash": self._terminal.run,
            "python": self._run_python,
            "js": self._keep_file,
        }

    def read(self, block: Block) -> None:
        """Runs or checks one block.

        Raises:
            AssertionError: it fails, or it shows what is not so.
        """
        code = block.code.replace("127.0.0.1:8080", self._address)
        if block.language in self._run:
            printed = self._run[block.language](block, code)
            self._latest, self.printed = printed or self._latest, self.printed + printed
        elif block.language == "toml":
            check_configuration(block)
        elif block.language == "json":
            check_answers(block, self._latest)
        else:
            assert block.language in SHOWN, f"{block} has an unknown language"

    def _run_python(self, block: Block, code: str) -> str:
        with redirect_stdout(io.StringIO()) as printed, _environment(self._terminal.environment):
            exec(compile(code, str(block), "exec"), self._python)  # noqa: S102 - it is what the page says
        return printed.getvalue()

    def _keep_file(self, block: Block, code: str) -> str:
        name = FILE_NAME.match(code)
        assert name, f"the first line of {block} does not name its file"
        with (self._terminal.checkout / name[1]).open("a") as file:
            file.write(code)
        return ""


@contextmanager
def _environment(values: dict[str, str]) -> Generator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def check_configuration(*blocks: Block) -> Settings:
    """Asserts that the demo configuration with the tables of blocks in it is valid, and returns it."""
    settings = Settings.model_validate(tables_with(*(block.code for block in blocks)))
    for instance in settings.instances.values():
        check_policies(instance)
    return settings


def tables_with(*codes: str) -> dict[str, Any]:
    """Returns the demo configuration with the tables of these texts in it."""
    tables = tomllib.loads((ROOT / "perennial.toml").read_text())
    for code in codes:
        chosen = code.replace(PLACEHOLDER, '"what a reader chooses"').replace(WEBHOOK_PLACEHOLDER, WEBHOOK_SECRET)
        tables = _merged(tables, tomllib.loads(chosen))
    return tables


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = {name: _merged(below[name], above[name]) for name in below.keys() & above if isinstance(above[name], dict)}
    return {**below, **above, **both}


def check_answers(block: Block, printed: str) -> None:
    """Asserts that each JSON value of a block has the members and types of one that the block before it has printed."""
    real = list(_json_values(printed))
    for shown in _only_json(block):
        assert any(_has_shape(shown, value) for value in real), f"{block}: no answer looks like {shown} among {real}"


def _only_json(block: Block) -> Iterator[Any]:
    rest = block.code.strip()
    while rest:
        try:
            value, end = json.JSONDecoder().raw_decode(rest)
        except ValueError as error:
            raise AssertionError(f"{block} is not JSON: {error}") from None
        yield value
        rest = rest[end:].strip()


def _json_values(text: str) -> Iterator[Any]:
    """The JSON objects and arrays among other text."""
    place = 0
    while start := re.compile(r"[{\[]").search(text, place):
        try:
            value, place = json.JSONDecoder().raw_decode(text, start.start())
            yield value
        except ValueError:
            place = start.end()


def _has_shape(shown: Any, real: Any) -> bool:
    match shown, real:
        case dict(), dict():
            same_type = "type" not in shown or shown["type"] == real.get("type")
            return shown.keys() == real.keys() and same_type and all(_has_shape(shown[k], real[k]) for k in shown)
        case list(), list():
            return all(any(_has_shape(item, other) for other in real) for item in shown)
        case (None, _) | (_, None):
            return True
        case _:
            return type(shown) is type(real)
