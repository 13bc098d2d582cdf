"""`python -m perennial check`: whether a process would find all that it needs, on one page, before a deploy.

It looks at each part with the settings of the process that would start. It changes nothing but for a probe file in the archive,
which it deletes. What another part lacks does not stop it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from obstore.exceptions import BaseError
from sqlalchemy.engine import make_url
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client
from temporalio.service import RPCError

from api.key_sets import UNREADABLE, published_keys
from domain.errors import StoreUnavailable
from runtime.archive import opened_archive
from runtime.environment import PREFIX
from runtime.errors import StartupError
from runtime.plain_reasons import plain_reason
from runtime.process import report_progress
from runtime.settings import Settings, configuration_file, load_settings, store_file
from runtime.temporal import ask_for_namespace, connect, missing_search_attributes
from runtime.temporal_clock import temporal_clock_difference
from store.database import Database
from store.inspection import applied_migration, clock_difference, known_migrations, server_version
from workflows.search_attributes import KEYS

PART_SECONDS = 20.0
"""How long the look at one part may take."""

MAX_CLOCK_DIFFERENCE = timedelta(seconds=1)
"""Instants of the API, of the workflows and of the store are compared. A greater difference makes reconnect windows wrong."""


class Finding(NamedTuple):
    """What was found about one part, as a sentence without a full stop. `is_wrong`: a process would not work like this."""

    part: str
    text: str
    is_wrong: bool = False


Look = Callable[[], Awaitable[Finding]]


async def check_and_report() -> int:
    """Look at all parts, and print a page. Return the exit code: 1 if something is wrong."""
    try:
        settings = load_settings()
    except StartupError as problem:
        findings: Sequence[Finding] = [Finding("settings", str(problem), is_wrong=True)]
    else:
        findings = await look_at_all(settings)
    width = max(len(finding.part) for finding in findings)
    for finding in findings:
        report_progress(f"{'WRONG' if finding.is_wrong else 'ok':5}  {finding.part:{width}}  {finding.text}")
    wrong = [finding.part for finding in findings if finding.is_wrong]
    report_progress(f"\nWrong: {', '.join(wrong)}." if wrong else "\nA process would find all that it needs.")
    return 1 if wrong else 0


async def look_at_all(settings: Settings) -> Sequence[Finding]:
    """Look at all parts, one after the other."""
    variables = sum(name.upper().startswith(PREFIX) for name in os.environ)
    read = f"{configuration_file()} and {variables} variables; instances {', '.join(settings.instances) or '(none)'}"
    return [
        Finding("settings", read),
        *await _look_at_store(settings),
        *await _look_at_temporal(settings),
        await _limited("archive", lambda: _look_at_archive(settings)),
        *[await _limited("keys", partial(_look_at_keys, url)) for url in _key_addresses(settings)],
    ]


async def _look_at_store(settings: Settings) -> Sequence[Finding]:
    url = make_url(settings.store_address)
    if (file := store_file(settings.store_address)) and not file.exists():
        return [_missing_file(file, settings)]
    async with _opened(settings) as db:
        store = await _limited("store", lambda: _look_at_server(db, url.render_as_string()))
        if store.is_wrong:
            return [store]
        looks = {"migrations": lambda: _look_at_migrations(db), "clock of the store": lambda: _look_at_store_clock(db)}
        return [store, *[await _limited(part, look) for part, look in looks.items()]]


def _missing_file(file: Path, settings: Settings) -> Finding:
    """The finding about a store that does not exist yet. A start creates the data folder, but no other one."""
    folder = file.parent if settings.store_url else _first_existing(file.parent)
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return Finding("store", f"{file} does not exist, and cannot be created in {folder}", is_wrong=True)
    return Finding("store", f"{file} does not exist yet; the first start creates it")


def _first_existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncGenerator[Database]:
    db = Database.open(settings.store_address, pool_size=1)
    try:
        yield db
    finally:
        await db.close()


async def _look_at_server(db: Database, address: str) -> Finding:
    return Finding("store", f"{await server_version(db)} at {address}")


async def _look_at_migrations(db: Database) -> Finding:
    applied, known = await applied_migration(db), known_migrations()
    latest = known[-1]
    if applied == latest:
        return Finding("migrations", f"{applied} is applied, the latest one")
    if applied is None:
        return Finding("migrations", f"none is applied; the next start applies all, up to {latest}")
    if applied not in known:
        text = f"{applied} is applied, which this version does not know: it is older than the store"
        return Finding("migrations", text, is_wrong=True)
    return Finding("migrations", f"{applied} is applied; the next start applies the later ones, up to {latest}")


async def _look_at_store_clock(db: Database) -> Finding:
    return clock_finding("clock of the store", await clock_difference(db))


async def _look_at_temporal(settings: Settings) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(PART_SECONDS):
            client = await connect(settings)
    except StartupError as problem:
        return [Finding("Temporal", str(problem), is_wrong=True)]
    except TimeoutError:
        return [Finding("Temporal", f"it does not answer within {PART_SECONDS:g} s", is_wrong=True)]
    server = await _limited("Temporal", lambda: _look_at_namespace(client))
    if server.is_wrong:
        return [server]
    looks: dict[str, Look] = {
        "search attributes": lambda: _look_at_search_attributes(client),
        "clock of Temporal": lambda: _look_at_temporal_clock(client),
    }
    return [server, *[await _limited(part, look) for part, look in looks.items()]]


async def _look_at_namespace(client: Client) -> Finding:
    await ask_for_namespace(client, timedelta(seconds=5))
    version = (await client.workflow_service.get_system_info(GetSystemInfoRequest())).server_version
    return Finding(
        "Temporal", f"server {version} at {client.service_client.config.target_host}, namespace {client.namespace}"
    )


async def _look_at_search_attributes(client: Client) -> Finding:
    if missing := await missing_search_attributes(client, KEYS):
        names = ", ".join(key.name for key in missing)
        return Finding(
            "search attributes", f"not yet there: {names}; a worker registers them, or `python -m worker register`"
        )
    return Finding("search attributes", f"all {len(KEYS)} are there")


async def _look_at_temporal_clock(client: Client) -> Finding:
    return clock_finding("clock of Temporal", await temporal_clock_difference(client))


async def _look_at_archive(settings: Settings) -> Finding:
    archive = opened_archive(settings)
    if archive is None:
        return Finding("archive", "off: transcripts are not written to files")
    try:
        await archive.probe()
    except (BaseError, OSError) as error:
        return Finding("archive", f"{settings.archive_address} cannot be used: {plain_reason(error)}", is_wrong=True)
    return Finding("archive", f"{settings.archive_address}: a file was written, read and deleted")


def _key_addresses(settings: Settings) -> Sequence[str]:
    issuers = [
        issuer
        for instance in settings.instances.values()
        for issuer in (instance.identity_provider, instance.customer_identity)
    ]
    return sorted({issuer.jwks_url for issuer in issuers if issuer and issuer.jwks_url})


async def _look_at_keys(url: str) -> Finding:
    try:
        keys = await published_keys(url)
    except UNREADABLE as error:
        return Finding("keys", f"{url} cannot be read: {plain_reason(error)}", is_wrong=True)
    return Finding("keys", f"{len(keys)} that may verify tokens at {url}", is_wrong=not keys)


def clock_finding(part: str, difference: timedelta | None) -> Finding:
    """The finding about a clock that is `difference` ahead of that of this machine; None: it is the same clock."""
    if difference is None:
        return Finding(part, "the same as that of this machine")
    seconds = difference.total_seconds()
    if abs(difference) <= MAX_CLOCK_DIFFERENCE:
        return Finding(part, f"differs by {abs(seconds):.1f} s at most")
    way = "ahead of" if seconds > 0 else "behind"
    return Finding(part, f"{abs(seconds):.1f} s {way} this machine; set the clocks by NTP", is_wrong=True)


async def _limited(part: str, look: Look) -> Finding:
    """A look with a time limit. A failure is a finding, too."""
    try:
        async with asyncio.timeout(PART_SECONDS):
            return await look()
    except TimeoutError:
        return Finding(part, f"it does not answer within {PART_SECONDS:g} s", is_wrong=True)
    except Exception as error:
        return Finding(part, _reason(error), is_wrong=True)


def _reason(error: Exception) -> str:
    if isinstance(error, RPCError):
        return error.message
    if isinstance(error, StoreUnavailable):
        cause = error.__cause__
        return f"it does not answer: {plain_reason(cause) if cause else error}"
    return plain_reason(error)
