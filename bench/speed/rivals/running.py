"""Runs the rivals that can be installed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bench.speed.rivals.dbos_process import STYLES, dbos
from bench.speed.rivals.installation import NotInstalled
from bench.speed.rivals.restate_server import restate
from bench.speed.rivals.rival import Rival


@asynccontextmanager
async def rivals(folder: Path) -> AsyncGenerator[Sequence[Rival], None]:
    """Provide the rivals. One that cannot be installed has no load, and says why."""
    async with AsyncExitStack() as stack:
        found: list[Rival] = []
        try:
            found.append(await stack.enter_async_context(restate(folder)))
        except NotInstalled as problem:
            found.append(Rival("Restate", problem=str(problem)))
        try:
            found += await stack.enter_async_context(dbos())
        except NotInstalled as problem:
            found += [Rival(name, problem=str(problem)) for name in STYLES.values()]
        yield found
