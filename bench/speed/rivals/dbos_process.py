"""DBOS on PostgreSQL, in two styles: a workflow for each chat, and one for each message."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import make_url

from bench.speed.measurements import Load
from bench.speed.rivals.installation import install_python_packages
from bench.speed.rivals.rival import Rival
from tests import postgres

STYLES = {"chats": "DBOS, a workflow a chat", "messages": "DBOS, a workflow a message"}


@asynccontextmanager
async def dbos() -> AsyncGenerator[Sequence[Rival], None]:
    """Run DBOS.

    Raises:
        NotInstalled: it cannot be installed.
    """
    python = await asyncio.to_thread(install_python_packages)
    with postgres.server() as server:
        async with postgres.database(server) as database:
            url = make_url(database).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
            process = await asyncio.create_subprocess_exec(
                *(str(python), str(Path(__file__).parent / "services/dbos_chat.py"), url), stdin=PIPE, stdout=PIPE
            )
            try:
                yield [Rival(name, load=partial(_load, process, style)) for style, name in STYLES.items()]
            finally:
                process.kill()
                await process.wait()


async def _load(process: asyncio.subprocess.Process, style: str, chats: int, messages: int) -> Load:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{style} {chats} {messages}\n".encode())
    seconds = float(await process.stdout.readline())
    return Load(chats * messages, seconds, seconds, {})
