"""Applies stored run-time changes to an instance from the configuration file. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from configuration.errors import InvalidConfiguration
from configuration.policies import check_policies
from configuration.schema.instances import AgentSettings, InstanceSettings, QueueSettings
from configuration.schema.schedules import ScheduleSettings
from configuration.schema.sections import SettingsSection, mistakes
from configuration.schema.webhooks import WebhookSettings
from configuration.schema.workstreams import WorkstreamSettings
from store.configuration import ConfigurationChange

SECTIONS: Mapping[str, type[SettingsSection]] = {
    "workstreams": WorkstreamSettings,
    "queues": QueueSettings,
    "hours": ScheduleSettings,
    "agents": AgentSettings,
    "webhooks": WebhookSettings,
}
"""The kinds of tables of an instance that can be changed at run time, each with its schema."""


class MergedInstance(NamedTuple):
    """An instance with the changes that fit. `unfit`: the changes that are ignored because they do not fit, with the reasons."""

    instance: InstanceSettings
    unfit: tuple[tuple[ConfigurationChange, str], ...] = ()


def sections_of(instance: InstanceSettings, kind: str) -> Mapping[str, SettingsSection]:
    """The tables of a kind, by name."""
    found: Mapping[str, SettingsSection] = getattr(instance, kind)
    return found


def section_as_json(section: SettingsSection) -> dict[str, Any]:
    """Convert a table to JSON, without defaults. Parsing the result gives an equal table."""
    return section.model_dump(mode="json", exclude_unset=True, exclude_none=True)


def apply_changes(instance: InstanceSettings, changes: Sequence[ConfigurationChange]) -> InstanceSettings:
    """Return the instance with all changes applied.

    Raises:
        InvalidConfiguration: the result is not valid; the message names the key.
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
        raise InvalidConfiguration(mistakes(error, InstanceSettings)) from None
    check_policies(whole)
    return whole


def merge(instance: InstanceSettings, changes: Sequence[ConfigurationChange]) -> MergedInstance:
    """Apply the changes that fit, and list those that do not.

    Every change was valid when it was made, but the file or another change may have changed since. As few changes as possible
    are left out; they apply again as soon as they fit. Deterministic: every process gets the same result from the same changes
    in the same order.
    """
    fitting: list[ConfigurationChange] = []
    remaining = list(changes)
    # repeat: a change can depend on a later one
    while found := _fitting(instance, fitting, remaining):
        fitting += found
        remaining = [change for change in remaining if change not in found]
    unfit = tuple((change, _reason(instance, fitting, change)) for change in remaining)
    return MergedInstance(apply_changes(instance, fitting), unfit)


def _fitting(
    instance: InstanceSettings, accepted: list[ConfigurationChange], candidates: list[ConfigurationChange]
) -> list[ConfigurationChange]:
    """Return the candidates that fit with the accepted changes. Searches by bisection, because nearly all fit."""
    if not candidates or not _reason(instance, accepted, *candidates):
        return candidates
    if len(candidates) == 1:
        return []
    half = len(candidates) // 2
    first = _fitting(instance, accepted, candidates[:half])
    return first + _fitting(instance, accepted + first, candidates[half:])


def _reason(instance: InstanceSettings, accepted: list[ConfigurationChange], *candidates: ConfigurationChange) -> str:
    """Return why the candidates do not fit with the accepted changes; empty when they fit."""
    try:
        apply_changes(instance, [*accepted, *candidates])
    except InvalidConfiguration as problem:
        return str(problem)
    return ""
