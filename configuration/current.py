"""The configuration of the moment, in one process: read from the store when something was changed, and changed there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from configuration.errors import InvalidConfiguration
from configuration.merging import MergedInstance, merge, section_as_json, sections_of
from configuration.policies import check_policies
from configuration.schema.instances import InstanceSettings
from runtime.bus import Announcement, Bus
from runtime.errors import StartupError
from store import configuration as store
from store.configuration import ConfigurationChange
from store.database import Database

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often the store is asked for changes that no announcement told of."""

CHANGED = "configuration"
"""What is announced of a change, in the place of a conversation's id; those are UUIDs."""


class LoadedInstance(NamedTuple):
    """An instance as it is known here: up to which revision, what was changed of it, and what that comes to."""

    revision: int
    changes: list[ConfigurationChange]
    merged: MergedInstance

    def without(self, kind: str, name: str) -> list[ConfigurationChange]:
        """The changes of all other tables."""
        return [change for change in self.changes if (change.kind, change.name) != (kind, name)]


class Configuration:
    """What is configured now. Whoever needs two things that belong together takes the instance once and asks that."""

    def __init__(self, instances: Mapping[str, InstanceSettings], db: Database, bus: Bus) -> None:
        """The instances of the file, until what was changed of them is read.

        Raises:
            StartupProblem: a workstream's policy is wrong.
        """
        for name, instance in instances.items():
            try:
                check_policies(instance)
            except InvalidConfiguration as problem:
                raise StartupError(f"instances.{name}.{problem}") from None
        self._file = dict(instances)
        self._db = db
        self._bus = bus
        self._kept = {name: LoadedInstance(0, [], MergedInstance(instance)) for name, instance in instances.items()}
        self._instances: Mapping[str, InstanceSettings] = self._file
        self._one_reader = asyncio.Lock()
        self._news = asyncio.Event()
        bus.listen(self._hear)

    @property
    def instances(self) -> Mapping[str, InstanceSettings]:
        """The instances as they are configured now, by name."""
        return self._instances

    def changes(self, instance: str) -> list[tuple[ConfigurationChange, str | None]]:
        """What was changed of an instance, oldest first; of what does not count, why not."""
        kept = self._kept[instance]
        reasons = {change.revision: reason for change, reason in kept.merged.unfit}
        return [(change, reasons.get(change.revision)) for change in kept.changes]

    def revision(self, instance: str) -> int:
        """How often an instance was changed."""
        return self._kept[instance].revision

    async def change(
        self, instance: str, kind: str, name: str, value: dict[str, Any] | None, *, by: str
    ) -> dict[str, Any] | None:
        """Creates, replaces or deletes a table of an instance, for all processes.

        Args:
            instance: a configured one.
            kind: one of `KINDS`.
            name: the table's name.
            value: the table as JSON has it; None deletes it.
            by: who does it.

        Returns:
            The table as it is kept, whatever others have made of it since; None when it is deleted.

        Raises:
            Unfit: the instance as a whole would not hold together; the message names the key.
        """
        if value is None and name not in sections_of(self._file[instance], kind):
            await self.reset(instance, kind, name)
            return None
        while True:
            await self.refresh()
            kept = self._kept[instance]
            new = ConfigurationChange(kind, name, value, kept.revision + 1, datetime.now(UTC), by)
            after = self._refusing_unfit(instance, [*kept.without(kind, name), new])
            tidy = None if value is None else section_as_json(sections_of(after, kind)[name])
            if await store.save_change(self._db, instance, replace(new, value=tidy)):
                break
        await self._announce()
        return tidy

    async def reset(self, instance: str, kind: str, name: str) -> None:
        """Forgets what was changed of a table, so that what the file says of it counts again, be it nothing.

        Raises:
            Unfit: the instance as a whole would not hold together; the message names the key.
        """
        while True:
            await self.refresh()
            kept = self._kept[instance]
            rest = kept.without(kind, name)
            if rest == kept.changes:
                return
            self._refusing_unfit(instance, rest)
            if await store.delete_change(self._db, instance, kind, name, revision=kept.revision + 1):
                break
        await self._announce()

    async def refresh(self) -> None:
        """Reads what was changed since it was last read, in this or another process."""
        async with self._one_reader:
            revisions = await store.revisions(self._db)
            stale = [name for name, kept in self._kept.items() if kept.revision != revisions.get(name, 0)]
            if stale:
                # all at once: where one cannot be read, what is shown and what counts stay the same
                self._kept = self._kept | {name: await self._read(name) for name in stale}
                self._instances = {name: kept.merged.instance for name, kept in self._kept.items()}

    async def keep_up(self) -> None:
        """Reads changes as they are announced, and looks for others in between, until it is cancelled."""
        while True:
            # not `wait_for`, which on Python 3.11 swallows a cancellation that comes just after the news
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            self._news.clear()
            try:
                await self.refresh()
            except Exception:
                logger.exception("cannot read the configuration; what is known goes on to count")

    async def _read(self, name: str) -> LoadedInstance:
        revision, changes = await store.changes(self._db, name)
        now = merge(self._file[name], changes)
        for change, reason in now.unfit:
            if (change, reason) not in self._kept[name].merged.unfit:
                which = f"instances.{name}.{change.kind}.{change.name}"
                logger.warning("%s: was changed at run time, which does not fit and does not count: %s", which, reason)
        return LoadedInstance(revision, changes, now)

    def _refusing_unfit(self, instance: str, changes: list[ConfigurationChange]) -> InstanceSettings:
        """What these changes come to. Whoever makes one may not make anything unfit, be it another's."""
        after = merge(self._file[instance], changes)
        before = [change for change, _ in self._kept[instance].merged.unfit]
        for change, reason in reversed(after.unfit):  # the latest first: the others may depend on it
            if change not in before:
                raise InvalidConfiguration(reason)
        return after.instance

    async def _announce(self) -> None:
        await self.refresh()
        await self._bus.announce(Announcement(CHANGED))

    def _hear(self, news: Announcement) -> None:
        if news.conversation_id == CHANGED:
            self._news.set()


@asynccontextmanager
async def open_configuration(
    instances: Mapping[str, InstanceSettings], db: Database, bus: Bus
) -> AsyncGenerator[Configuration, None]:
    """The configuration of a process, kept up to date while the block lasts; see `Configuration`."""
    configuration = Configuration(instances, db, bus)
    await configuration.refresh()
    keeping_up = asyncio.create_task(configuration.keep_up())
    try:
        yield configuration
    finally:
        keeping_up.cancel()
        with suppress(asyncio.CancelledError):
            await keeping_up
