"""Putting together what the file says of an instance and what was changed of it. Pure; the store and the bus are elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from configuration.errors import InvalidConfiguration
from configuration.policies import check_policies
from configuration.schema.instances import AgentSettings, InstanceSettings, QueueSettings
from configuration.schema.schedules import ScheduleSettings
from configuration.schema.sections import SettingsSection, mistakes
from configuration.schema.workstreams import WorkstreamSettings
from store.configuration import ConfigurationChange

SECTIONS: Mapping[str, type[SettingsSection]] = {
    "workstreams": WorkstreamSettings,
    "queues": QueueSettings,
    "hours": ScheduleSettings,
    "agents": AgentSettings,
}
"""What an instance consists of, and what can be changed of it: tables by their names."""


class MergedInstance(NamedTuple):
    """An instance with what was changed of it, and the changes that do not count because they do not fit, with the reason."""

    instance: InstanceSettings
    unfit: tuple[tuple[ConfigurationChange, str], ...] = ()


def sections_of(instance: InstanceSettings, kind: str) -> Mapping[str, SettingsSection]:
    """The tables of a kind, by name."""
    found: Mapping[str, SettingsSection] = getattr(instance, kind)
    return found


def section_as_json(section: SettingsSection) -> dict[str, Any]:
    """A table as JSON, with what it says itself and nothing of the defaults. Read again it is the same."""
    return section.model_dump(mode="json", exclude_unset=True, exclude_none=True)


def apply_changes(instance: InstanceSettings, changes: Sequence[ConfigurationChange]) -> InstanceSettings:
    """The instance with all of that changed.

    Raises:
        Unfit: the whole does not hold together; the message names the key.
    """
    tables = {kind: dict(sections_of(instance, kind)) for kind in SECTIONS}
    values: dict[str, dict[str, Any]] = {**dict(instance), **tables}
    for change in changes:
        if change.kind not in SECTIONS:
            raise InvalidConfiguration(f"{change.kind}: can be {', '.join(SECTIONS)}")
        if change.value is None:
            values[change.kind].pop(change.name, None)
        else:
            values[change.kind][change.name] = change.value
    try:
        whole = InstanceSettings.model_validate(values)
    except ValidationError as error:
        raise InvalidConfiguration(mistakes(error)) from None
    check_policies(whole)
    return whole


def merge(instance: InstanceSettings, changes: Sequence[ConfigurationChange]) -> MergedInstance:
    """The instance with all changes that fit, each of which was made when it did.

    What has become unfit since is left out, as little of it as possible: it counts again once it fits. The same changes in
    the same order come to the same in every process.
    """
    fitting: list[ConfigurationChange] = []
    left = list(changes)
    # what depends on a later change fits once that is there
    while found := _fitting(instance, fitting, left):
        fitting += found
        left = [change for change in left if change not in found]
    unfit = tuple((change, _reason(instance, fitting, change)) for change in left)
    return MergedInstance(apply_changes(instance, fitting), unfit)


def _fitting(
    instance: InstanceSettings, sure: list[ConfigurationChange], more: list[ConfigurationChange]
) -> list[ConfigurationChange]:
    """Those of `more` that fit with what is sure; halves are tried because few will not."""
    if not more or not _reason(instance, sure, *more):
        return more
    if len(more) == 1:
        return []
    half = len(more) // 2
    first = _fitting(instance, sure, more[:half])
    return first + _fitting(instance, sure + first, more[half:])


def _reason(instance: InstanceSettings, sure: list[ConfigurationChange], *more: ConfigurationChange) -> str:
    """Why changes do not fit; empty when they do."""
    try:
        apply_changes(instance, [*sure, *more])
    except InvalidConfiguration as problem:
        return str(problem)
    return ""
