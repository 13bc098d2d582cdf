"""Putting together what the file says of an instance and what was changed of it. Pure; the store and the bus are elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from configuration.policies import check_policies
from configuration.problems import Unfit
from runtime.instances import Agent, Instance, Queue
from runtime.schedules import Schedule
from runtime.sections import Section, mistakes
from runtime.workstreams import Workstream
from store.configuration import Change

KINDS: Mapping[str, type[Section]] = {
    "workstreams": Workstream,
    "queues": Queue,
    "hours": Schedule,
    "agents": Agent,
}
"""What an instance consists of, and what can be changed of it: tables by their names."""


class Merged(NamedTuple):
    """An instance with what was changed of it, and the changes that do not count because they do not fit, with the reason."""

    instance: Instance
    unfit: tuple[tuple[Change, str], ...] = ()


def table(instance: Instance, kind: str) -> Mapping[str, Section]:
    """The tables of a kind, by name."""
    found: Mapping[str, Section] = getattr(instance, kind)
    return found


def shown(section: Section) -> dict[str, Any]:
    """A table as JSON, with what it says itself and nothing of the defaults. Read again it is the same."""
    return section.model_dump(mode="json", exclude_unset=True, exclude_none=True)


def changed(instance: Instance, changes: Sequence[Change]) -> Instance:
    """The instance with all of that changed.

    Raises:
        Unfit: the whole does not hold together; the message names the key.
    """
    tables = {kind: dict(table(instance, kind)) for kind in KINDS}
    values: dict[str, dict[str, Any]] = {**dict(instance), **tables}
    for change in changes:
        if change.kind not in KINDS:
            raise Unfit(f"{change.kind}: can be {', '.join(KINDS)}")
        if change.value is None:
            values[change.kind].pop(change.name, None)
        else:
            values[change.kind][change.name] = change.value
    try:
        whole = Instance.model_validate(values)
    except ValidationError as error:
        raise Unfit(mistakes(error)) from None
    check_policies(whole)
    return whole


def merged(instance: Instance, changes: Sequence[Change]) -> Merged:
    """The instance with all changes that fit, each of which was made when it did.

    What has become unfit since is left out, as little of it as possible: it counts again once it fits. The same changes in
    the same order come to the same in every process.
    """
    fitting: list[Change] = []
    left = list(changes)
    # what depends on a later change fits once that is there
    while found := _fitting(instance, fitting, left):
        fitting += found
        left = [change for change in left if change not in found]
    unfit = tuple((change, _reason(instance, fitting, change)) for change in left)
    return Merged(changed(instance, fitting), unfit)


def _fitting(instance: Instance, sure: list[Change], more: list[Change]) -> list[Change]:
    """Those of `more` that fit with what is sure; halves are tried because few will not."""
    if not more or not _reason(instance, sure, *more):
        return more
    if len(more) == 1:
        return []
    half = len(more) // 2
    first = _fitting(instance, sure, more[:half])
    return first + _fitting(instance, sure + first, more[half:])


def _reason(instance: Instance, sure: list[Change], *more: Change) -> str:
    """Why changes do not fit; empty when they do."""
    try:
        changed(instance, [*sure, *more])
    except Unfit as problem:
        return str(problem)
    return ""
