"""The drill of docs/deployment.md with `make run`: its databases are backed up, lost and restored by the commands of the page."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from engine.reconciliation import DifferenceKind
from tests.compat.chats import eventually
from tests.deployment.test_run import messages, send, start_chat
from tests.docs.markdown import PAGES
from tests.stack import ROOT, Stack

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

[PAGE] = [page for page in PAGES if page.name == "docs/deployment.md"]
[BACKUP] = [block.code for block in PAGE.blocks if "running.backup(copy)" in block.code]
[RESTORE] = [block.code for block in PAGE.blocks if "store.db.backup" in block.code]
REPLACE, _, RECONCILE = RESTORE.partition("# start it again with `make run`, then in a second terminal\n")
AGREED, MENDED = "Temporal and the store agree.\n", "1 difference, 1 mended.\n"
SECONDS = 30


class Site:
    """An all-in-one Perennial with a chat of before the backup, and one of after it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.early, self.early_token = start_chat(stack)
        self.recorded(self.early_token, ["before"])
        assert self.run(BACKUP).count("ok backup of") == 2
        send(stack, self.early_token, "after the backup")
        self.recorded(self.early_token, ["before", "after the backup"])
        self.late, self.late_token = start_chat(stack)
        self.recorded(self.late_token, ["before"])
        assert stack.stop() == 0, stack.log()

    def run(self, commands: str) -> str:
        """Run commands of the page. Returns what they print."""
        bash = ["bash", "-u", "-c", commands]
        done = subprocess.run(bash, cwd=ROOT, env=self.stack.environment, capture_output=True, text=True, check=False)
        assert not done.stderr, done.stderr
        return done.stdout

    def recorded(self, token: str, expected: list[str]) -> None:
        """Wait until a transcript has these messages."""
        eventually(lambda: messages(self.stack, token) == expected, f"the messages are {expected}", SECONDS)

    def goes_on(self, token: str, *earlier: str) -> None:
        """Assert that a chat goes on after the messages that are still there."""
        send(self.stack, token, "goes on")
        self.recorded(token, [*earlier, "goes on"])


@pytest.fixture
def site(tmp_path: Path) -> Generator[Site]:
    stack = Stack(tmp_path / "data")
    stack.start()
    yield Site(stack)
    assert stack.stop() == 0, stack.log()


def test_conversations_go_on_after_the_copy_of_the_store_is_restored(site: Site) -> None:
    site.run(REPLACE)
    site.stack.start()
    assert f"{site.late}: {DifferenceKind.UNRECORDED}" in site.run(RECONCILE.replace(" --mend", ""))
    assert site.run(RECONCILE) == MENDED
    assert site.run(RECONCILE) == AGREED
    site.goes_on(site.early_token, "before")
    site.goes_on(site.late_token)


@pytest.mark.parametrize("has_copy", [True, False], ids=["copy", "empty"])
def test_conversations_go_on_after_both_databases_are_lost(site: Site, has_copy: bool) -> None:
    """The chat that began after the backup is lost."""
    site.run(REPLACE)
    for path in site.stack.folder.glob("temporal.db*"):
        if path.name != "temporal.db.backup":
            path.unlink()
    if has_copy:
        shutil.copy(site.stack.folder / "temporal.db.backup", site.stack.folder / "temporal.db")
    site.stack.start()
    resume = RECONCILE.replace("--mend", "--resume")
    assert site.run(resume) == (AGREED if has_copy else MENDED)
    assert site.run(resume) == AGREED
    site.goes_on(site.early_token, "before")
