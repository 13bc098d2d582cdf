"""A tab without a browser: a Node process with unmodified ChatJS."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Self

from tests.chatjs.session import Session
from tests.npm import NODE

FOLDER = Path(__file__).parent
CHATJS = "amazon-connect-chatjs"


class Tab(Session):
    """A session in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        super().__init__(log)
        self._process = process
        self._reader = asyncio.create_task(self._read_lines())

    @classmethod
    async def open(cls, log: Path, library: str = CHATJS) -> Self:
        """Start a process that loads a version of ChatJS."""
        with log.open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                str(NODE),
                "driver.cjs",
                library,
                cwd=FOLDER,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                limit=2**22,
            )
        tab = cls(process, log)
        await tab.wait_for("ready")
        return tab

    async def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reader

    async def _perform(self, call: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(call).encode() + b"\n")

    async def _read_lines(self) -> None:
        assert self._process.stdout
        try:
            async for line in self._process.stdout:
                await self._receive(json.loads(line))
        finally:
            await self._end()
