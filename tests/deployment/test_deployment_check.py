"""`python -m perennial check`: one page about all parts, and exit code 1 when a process would not find what it needs."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from deployment_check import clock_finding
from tests import postgres
from tests.api.token_issuer import PublishedKeys
from tests.s3 import KEY
from tests.stack import ROOT, Stack

PARTS = ("settings", "store", "migrations", "clock of the store", "Temporal", "search attributes", "clock of Temporal")


def check(folder: Path, stack: Stack, **settings: str) -> tuple[int, dict[str, tuple[bool, str]]]:
    """Run the check. Return its exit code, and by part whether it is right and what was found."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PERENNIAL_", "TEMPORAL_"))}
    variables = {"PERENNIAL_DATA_DIR": str(folder), "TEMPORAL_ADDRESS": stack.temporal, **settings}
    command = [sys.executable, "-m", "perennial", "check"]
    done = subprocess.run(
        command, cwd=ROOT, env=own | variables, capture_output=True, text=True, timeout=90, check=False
    )
    assert "Traceback" not in done.stderr
    lines = [re.fullmatch(r"(ok|WRONG) +(.+?)  +(.+)", line) for line in done.stdout.splitlines()]
    return done.returncode, {line[2]: (line[1] == "ok", line[3]) for line in lines if line}


def wrong(found: dict[str, tuple[bool, str]]) -> dict[str, str]:
    return {part: text for part, (is_right, text) in found.items() if not is_right}


def test_page_of_a_deployment_that_is_complete(stack: Stack) -> None:
    code, found = check(stack.folder, stack)
    assert wrong(found) == {}
    assert code == 0
    assert tuple(found) == (*PARTS, "archive")
    assert re.search(r"SQLite \d", found["store"][1])
    assert found["migrations"][1] == "0001 is applied, the latest one"
    assert re.search(rf"server \d.* at {stack.temporal}, namespace default", found["Temporal"][1])
    assert re.search(r"differs by \d\.\d s at most", found["clock of Temporal"][1])
    assert list((stack.folder / "transcripts").glob("perennial-check*")) == []


async def test_postgresql_before_its_first_start_is_not_changed(stack: Stack, tmp_path: Path) -> None:
    with postgres.server() as server:
        async with postgres.database(server) as url:
            for _ in range(2):
                code, found = check(tmp_path, stack, PERENNIAL_STORE_URL=url)
                assert (code, wrong(found)) == (0, {})
                assert found["store"][1].startswith("PostgreSQL ")
                assert found["migrations"][1] == "none is applied; the next start applies all, up to 0001"
                assert "differs by 0." in found["clock of the store"][1]


def test_store_that_is_away_is_named_without_its_password_and_the_rest_is_looked_at(
    stack: Stack, tmp_path: Path
) -> None:
    code, found = check(tmp_path, stack, PERENNIAL_STORE_URL="postgresql://me:secret@127.0.0.1:1/x")
    assert code == 1
    assert wrong(found).keys() == {"store"}
    assert "does not answer" in found["store"][1]
    assert "secret" not in str(found)
    assert {"Temporal", "archive"} < found.keys()


def test_store_of_a_newer_version_is_wrong(stack: Stack, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as store:
        store.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        store.execute("INSERT INTO alembic_version VALUES ('9999')")
    code, found = check(tmp_path, stack)
    assert code == 1
    assert wrong(found) == {
        "migrations": "9999 is applied, which this version does not know: it is older than the store"
    }


@pytest.mark.parametrize(
    ("settings", "part", "text"),
    [
        ({"PERENNIAL_API_PORT": "many"}, "settings", "api_port"),
        ({"PERENNIAL_CONFIG": "no/such.toml"}, "settings", "there is no configuration file no/such.toml"),
        (
            {"PERENNIAL_STORE_URL": "postgresql://me:x@127.0.0.1:1/x"},
            "store",
            "it does not answer: nothing listens there",
        ),
        (
            {"PERENNIAL_STORE_URL": "postgresql://me:x@no-such-host.invalid/x"},
            "store",
            "it does not answer: there is no host of this name",
        ),
        ({"PERENNIAL_STORE_URL": "sqlite:////no/folder/store.db"}, "store", "cannot be created in /no/folder"),
        ({"PERENNIAL_DATA_DIR": str(ROOT / "LICENSE" / "x")}, "store", "LICENSE"),
        ({"TEMPORAL_ADDRESS": "127.0.0.1:1"}, "Temporal", "Temporal does not answer at 127.0.0.1:1"),
        ({"TEMPORAL_NAMESPACE": "elsewhere"}, "Temporal", "Temporal does not have the namespace elsewhere"),
        (
            {"PERENNIAL_ARCHIVE_URL": (ROOT / "LICENSE" / "x").as_uri()},
            "archive",
            "LICENSE/x cannot be used: there is a file",
        ),
        ({"PERENNIAL_ARCHIVE_URL": "file:///proc/x"}, "archive", "file:///proc/x cannot be used: the file or folder"),
        (
            {**KEY, "PERENNIAL_ARCHIVE_URL": "s3://bucket", "PERENNIAL_ARCHIVE_ENDPOINT": "http://127.0.0.1:1"},
            "archive",
            "s3://bucket cannot be used: its server does not answer",
        ),
    ],
)
def test_what_is_wrong_is_named(stack: Stack, tmp_path: Path, settings: dict[str, str], part: str, text: str) -> None:
    code, found = check(tmp_path, stack, **settings)
    assert code == 1
    found_text = wrong(found)[part]
    assert text in found_text
    assert "rrno" not in found_text
    assert str(found).count("elsewhere") <= 1


@pytest.mark.parametrize(
    ("difference", "is_wrong", "text"),
    [
        (None, False, "the same as that of this machine"),
        (timedelta(seconds=0.4), False, "differs by 0.4 s at most"),
        (timedelta(seconds=3), True, "3.0 s ahead of this machine"),
        (timedelta(seconds=-3), True, "3.0 s behind this machine"),
    ],
)
def test_clocks_may_differ_by_a_second(difference: timedelta | None, is_wrong: bool, text: str) -> None:
    finding = clock_finding("clock", difference)
    assert finding.is_wrong is is_wrong
    assert text in finding.text


def test_keys_of_token_issuers_are_read(stack: Stack, tmp_path: Path) -> None:
    keys, path = PublishedKeys(), tmp_path / "perennial.toml"
    with keys.served():
        table = f'[instances.demo.identity_provider]\nissuer = "login"\naudience = "desk"\njwks_url = "{keys.url}"\n'
        path.write_text(f"{(ROOT / 'perennial.toml').read_text()}\n{table}")
        code, found = check(stack.folder, stack, PERENNIAL_CONFIG=str(path))
        assert (code, wrong(found)) == (0, {})
        assert found["keys"][1] == f"2 that may verify tokens at {keys.url}"
    code, found = check(stack.folder, stack, PERENNIAL_CONFIG=str(path))
    assert code == 1
    assert wrong(found)["keys"] == f"{keys.url} cannot be read: its server does not answer"


def test_host_of_keys_that_does_not_exist_is_named(stack: Stack, tmp_path: Path) -> None:
    url, path = "https://no-such-host.invalid/keys", tmp_path / "perennial.toml"
    table = f'[instances.demo.customer_identity]\nissuer = "shop"\njwks_url = "{url}"\n'
    path.write_text(f"{(ROOT / 'perennial.toml').read_text()}\n{table}")
    code, found = check(stack.folder, stack, PERENNIAL_CONFIG=str(path))
    assert (code, wrong(found)) == (1, {"keys": f"{url} cannot be read: there is no host of this name"})
