"""A reader's terminal: runs the bash blocks of a page one after the other and keeps variables and functions between them.

Four programs differ from a reader's, so that a block can fail and cannot change this machine: `curl` fails on every HTTP
error, `make` only prints what it would run, `npm install` only checks that the packages are those of tests/chatjs, and `node`
is that of the test dependencies.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from runtime.devserver import temporal_binary
from tests.chatjs.driver import FOLDER as CHATJS_FOLDER
from tests.docs.markdown import Block
from tests.npm import NODE, NPM
from tests.stack import ROOT

BLOCK_SECONDS = 60
READ_SECONDS = 20
"""How long a block that only reads is repeated until it succeeds: offers and lists lag by moments."""

_WRITES = re.compile(r" -X | -d |signal|python|node|npm|make|start_chat|assign|sign_in")
_INTERNAL = "BASH[A-Z_]*|COMP_WORDBREAKS|HOST[A-Z]*|IFS|MACHTYPE|OPTIND|OSTYPE|PS4|_"
_SCRIPT = """
set -euo pipefail
source {state}
{code}
{{ declare -f; declare -p | grep -E '^declare -- [A-Za-z]' | grep -vE '^declare -- ({internal})=' || true; }} > {state}
env -0 > {exported}
"""
"""Runs a block, then stores functions and variables for the next one. A command that fails ends it and stores nothing."""


class Terminal:
    """A bash in a folder that looks like the project's; programs that differ come first in `PATH`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.checkout = folder / "checkout"
        self.checkout.mkdir()
        for entry in ROOT.iterdir():
            if entry.name not in (".git", ".perennial", "node_modules"):
                (self.checkout / entry.name).symlink_to(entry)
        (self.checkout / "node_modules").symlink_to(CHATJS_FOLDER / "node_modules")
        programs = folder / "programs"
        programs.mkdir()
        _program(programs / "curl", f'exec {_found("curl")} --fail-with-body "$@"')
        _program(programs / "make", f'exec {_found("make")} --dry-run "$@"')
        _program(programs / "node", f'exec {NODE} "$@"')
        _program(programs / "npm", f'shift; exec {NODE} {NPM} ls --prefix {CHATJS_FOLDER} "$@"')
        path = f"{programs}:{Path(temporal_binary()).parent}:{environment.get('PATH', '')}"
        self.environment = {**environment, "PATH": path}
        self._programs = programs
        self._state, self._exported = folder / "state", folder / "environment"
        self._state.touch()

    def run(self, block: Block, code: str) -> str:
        """Runs a block and returns what it prints. A block that only reads is repeated until it succeeds.

        Raises:
            AssertionError: a command of the block fails.
        """
        deadline = time.monotonic() + (0 if _WRITES.search(code) else READ_SECONDS)
        while True:
            done = self._run(code)
            if done.returncode == 0:
                self._keep_environment()
                return done.stdout
            assert time.monotonic() < deadline, f"{block} fails:\n{code}\n{done.stdout}\n{done.stderr}"
            time.sleep(0.2)

    def _run(self, code: str) -> subprocess.CompletedProcess[str]:
        script = _SCRIPT.format(state=self._state, exported=self._exported, internal=_INTERNAL, code=code)
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.checkout,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=BLOCK_SECONDS,
            check=False,
        )

    def _keep_environment(self) -> None:
        pairs = (entry.partition("=") for entry in self._exported.read_text().split("\0") if entry)
        self.environment = {name: value for name, _, value in pairs if name not in ("_", "SHLVL")}
        path = self.environment["PATH"]
        if not path.startswith(f"{self._programs}:"):  # a page has put a folder before them
            self.environment["PATH"] = f"{self._programs}:{path}"


def _program(path: Path, command: str) -> None:
    path.write_text(f"#!/usr/bin/env bash\n{command}\n")
    path.chmod(0o755)


def _found(program: str) -> str:
    path = shutil.which(program)
    assert path, f"the examples of the documentation need {program}"
    return path
