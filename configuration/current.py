"""The current configuration of a process: the file, and the changes at run time, which are read from and written to the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Set
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple, cast

from configuration.errors import InvalidConfiguration
from configuration.merging import MergedInstance, merge, section_as_json, sections_of
from configuration.policies import check_policies
from configuration.schema.instances import InstanceSettings
from runtime.bus import ANNOUNCEMENTS_LOST, Announcement, Bus
from runtime.errors import StartupError
from runtime.periodic import PeriodicTask, PeriodicTasks, run_in_background
from store import configuration as store
from store.configuration import ConfigurationChange
from store.database import Database

logger = logging.getLogger(__name__)

POLL_INTERVAL = timedelta(seconds=2)
"""Interval at which the revisions in the store are read, in case an announcement was lost."""

CHANGED = "configuration"
"""The topic of announcements of a change."""


TableMaker = Callable[[InstanceSettings], dict[str, Any]]
"""Makes a table of the instance as it is. It is called again when another process makes a change at the same time."""


class LoadedInstance(NamedTuple):
    """An instance as this process knows it: its revision, its changes at run time, and the two merged."""

    revision: int
    changes: list[ConfigurationChange]
    merged: MergedInstance

    def without(self, kind: str, name: str) -> list[ConfigurationChange]:
        """The changes of all tables but one."""
        return [change for change in self.changes if (change.kind, change.name) != (kind, name)]


class Configuration(PeriodicTasks):
    """The current configuration. While it is started, it applies the changes that other processes make.

    Instances are frozen: callers that need two related values take the instance once.
    """

    def __init__(self, instances: Mapping[str, InstanceSettings], db: Database, bus: Bus) -> None:
        """Begin with the instances of the file; `refresh` reads the changes at run time.

        Raises:
            StartupError: a workstream's policy is wrong.
        """
        for name, instance in instances.items():
            try:
                check_policies(instance)
            except InvalidConfiguration as problem:
                raise StartupError(f"instances.{name}.{problem}") from None
        self._file = dict(instances)
        self._fingerprints = {name: fingerprint(instance) for name, instance in instances.items()}
        self._db = db
        self._bus = bus
        self._loaded = {name: LoadedInstance(0, [], MergedInstance(instance)) for name, instance in instances.items()}
        self._instances: Mapping[str, InstanceSettings] = self._file
        self._refresh_lock = asyncio.Lock()
        self._updates = PeriodicTask("read configuration changes", self.refresh, POLL_INTERVAL)
        super().__init__(self._updates)
        bus.subscribe(self._receive)

    @property
    def instances(self) -> Mapping[str, InstanceSettings]:
        """The current instances by name."""
        return self._instances

    def file_fingerprint(self, instance: str) -> str:
        """A short digest of an instance in the file of this process; equal for equal tables."""
        return self._fingerprints[instance]

    def changes(self, instance: str) -> list[tuple[ConfigurationChange, str | None]]:
        """The changes of an instance at run time, oldest first, each with the reason why it is ignored, or None."""
        loaded = self._loaded[instance]
        reasons = {change.revision: reason for change, reason in loaded.merged.unfit}
        return [(change, reasons.get(change.revision)) for change in loaded.changes]

    def is_of_file(self, instance: str, kind: str, name: str) -> bool:
        """Whether a table is as the file has it: there is no change at run time."""
        loaded = self._loaded[instance]
        return name in sections_of(self._file[instance], kind) and loaded.without(kind, name) == loaded.changes

    def revision(self, instance: str) -> int:
        """The revision of an instance: the number of its changes at run time."""
        return self._loaded[instance].revision

    async def change(
        self, instance: str, kind: str, name: str, value: dict[str, Any] | TableMaker | None, *, by: str
    ) -> dict[str, Any] | None:
        """Create, replace or delete a table of an instance, for all processes.

        Args:
            instance: the name of a configured instance.
            kind: one of `SECTIONS`.
            name: the table's name.
            value: the table as JSON, or what makes it of the instance before the change; None deletes it.
            by: the access key that makes the change.

        Returns:
            The table as this change stores it; None if it is deleted.

        Raises:
            InvalidConfiguration: the instance would be invalid; the message names the key.
        """
        if value is None and name not in sections_of(self._file[instance], kind):
            await self.reset(instance, kind, name)
            return None
        while True:
            await self.refresh()
            loaded = self._loaded[instance]
            table = value(loaded.merged.instance) if callable(value) else value
            new = ConfigurationChange(kind, name, table, loaded.revision + 1, datetime.now(UTC), by)
            after = self._apply(instance, [*loaded.without(kind, name), new])
            stored = None if table is None else section_as_json(sections_of(after, kind)[name])
            others = loaded.merged.instance.agents.keys() ^ after.agents.keys()
            if await store.save_change(self._db, instance, replace(new, value=stored), other_agents=others):
                break
        await self._announce()
        return stored

    async def reset(self, instance: str, kind: str, name: str) -> None:
        """Drop the change of a table, so that the file applies again. Does nothing if there is no change.

        Raises:
            InvalidConfiguration: the instance would be invalid; the message names the key.
        """
        while True:
            await self.refresh()
            loaded = self._loaded[instance]
            remaining = loaded.without(kind, name)
            if remaining == loaded.changes:
                return
            others = loaded.merged.instance.agents.keys() ^ self._apply(instance, remaining).agents.keys()
            revision = loaded.revision + 1
            if await store.delete_change(self._db, instance, kind, name, revision=revision, other_agents=others):
                break
        await self._announce()

    async def refresh(self) -> None:
        """Read the changes that this or another process has made since the last read."""
        async with self._refresh_lock:
            revisions = await store.revisions(self._db)
            stale = [name for name, loaded in self._loaded.items() if loaded.revision != revisions.get(name, 0)]
            if stale:
                # all or none: if one cannot be read, `changes` and `instances` still agree
                self._loaded = self._loaded | {name: await self._read(name) for name in stale}
                self._instances = {name: loaded.merged.instance for name, loaded in self._loaded.items()}

    async def _read(self, name: str) -> LoadedInstance:
        revision, changes = await store.changes(self._db, name)
        merged = merge(self._file[name], changes)
        for change, reason in merged.unfit:
            if (change, reason) not in self._loaded[name].merged.unfit:
                key = f"instances.{name}.{change.kind}.{change.name}"
                logger.warning("%s: the change at run time is ignored, because it does not fit: %s", key, reason)
        return LoadedInstance(revision, changes, merged)

    def _apply(self, instance: str, changes: list[ConfigurationChange]) -> InstanceSettings:
        """Return the instance with these changes.

        Raises:
            InvalidConfiguration: a change that fitted before, of any author, does not fit with these changes.
        """
        after = merge(self._file[instance], changes)
        before = [change for change, _ in self._loaded[instance].merged.unfit]
        for change, reason in reversed(after.unfit):  # the latest first: earlier changes may depend on it
            if change not in before:
                raise InvalidConfiguration(reason)
        return after.instance

    async def _announce(self) -> None:
        await self.refresh()
        await self._bus.announce(Announcement(CHANGED))

    def _receive(self, announcement: Announcement) -> None:
        if announcement.conversation_id in (CHANGED, ANNOUNCEMENTS_LOST.conversation_id):
            self._updates.wake()


def fingerprint(instance: InstanceSettings) -> str:
    """A short digest of an instance; equal for equal tables, in every process."""
    return sha256(_ordered(instance.model_dump()).encode()).hexdigest()[:16]


def _ordered(value: Any) -> str:
    """A value as text in one order. The order of a set differs from process to process."""
    if isinstance(value, dict):
        value = {(str(key), _ordered(each)) for key, each in cast("dict[object, Any]", value).items()}
    if isinstance(value, list | tuple):
        value = [_ordered(each) for each in cast("list[Any]", value)]
    return repr(sorted(cast("Set[Any]", value)) if isinstance(value, Set) else value)


@asynccontextmanager
async def open_configuration(
    instances: Mapping[str, InstanceSettings], db: Database, bus: Bus
) -> AsyncGenerator[Configuration, None]:
    """The configuration of a process, up to date while the block lasts; see `Configuration`."""
    configuration = Configuration(instances, db, bus)
    await configuration.refresh()
    async with run_in_background(configuration):
        yield configuration
