"""Requests of SearchUsers and SearchQueues, and how their criteria compare. Users and queues come from the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, Self

from annotated_types import Interval
from pydantic import Field, PrivateAttr, model_validator

from api.connect.pages import NextToken
from domain.errors import MalformedRequest
from wire.models import InstanceId, OnlyServedMembers, OrDefault, Remark, Text

MAX_CONDITIONS = 100
"""The most conditions of a search. Each is compared with each user or queue."""

Comparison = Literal["STARTS_WITH", "CONTAINS", "EXACT"]

_COMPARISONS: Mapping[Comparison, Callable[[str, str], bool]] = {
    "STARTS_WITH": str.startswith,
    "CONTAINS": str.__contains__,
    "EXACT": str.__eq__,
}


class StringCondition(OnlyServedMembers):
    """A field that begins with a value, contains it, or equals it, in any case."""

    field_name: Text
    value: Text
    comparison_type: OrDefault[Comparison] = "EXACT"


class Criteria(OnlyServedMembers):
    """Criteria on users or queues. All given members must match; an empty list restricts nothing."""

    or_conditions: OrDefault[list[Criteria]] = Field(default_factory=list["Criteria"])
    and_conditions: OrDefault[list[Criteria]] = Field(default_factory=list["Criteria"])
    string_condition: StringCondition | None = None
    queue_type_condition: Literal["STANDARD"] | None = None
    """For queues, all of which have this type."""

    _size: int = PrivateAttr(default=1)

    @model_validator(mode="after")
    def _is_small(self) -> Self:
        self._size = 1 + sum(inner._size for inner in (*self.or_conditions, *self.and_conditions))
        if self._size > MAX_CONDITIONS:
            raise ValueError(f"must have at most {MAX_CONDITIONS} conditions together")
        return self

    def require_fields(self, *served: str) -> None:
        """Check that the criteria are about these fields only. Names of fields are compared in any case.

        Raises:
            MalformedRequest: another field is named.
        """
        condition = self.string_condition
        if condition and condition.field_name.lower() not in map(str.lower, served):
            raise MalformedRequest(f"StringCondition.FieldName: must be one of {', '.join(served)}.")
        for inner in (*self.or_conditions, *self.and_conditions):
            inner.require_fields(*served)

    def match(self, fields: Mapping[str, str]) -> bool:
        """Whether a user or a queue with these fields, by their names in lower case, matches."""
        if self.or_conditions and not any(inner.match(fields) for inner in self.or_conditions):
            return False
        if not all(inner.match(fields) for inner in self.and_conditions):
            return False
        condition = self.string_condition
        if condition is None:
            return True
        compare = _COMPARISONS[condition.comparison_type]
        return compare(fields[condition.field_name.lower()].lower(), condition.value.lower())


class NoFilter(OnlyServedMembers):
    """A filter by tags and the like, which nothing here has: only an empty one is served."""


class _Search(OnlyServedMembers):
    instance_id: InstanceId
    next_token: NextToken | None = None
    max_results: Annotated[int, Interval(ge=1, le=500)] | None = None
    search_filter: Annotated[NoFilter | None, Remark("an empty one only")] = None
    search_criteria: OrDefault[Criteria] = Field(default_factory=Criteria)


class SearchUsers(_Search):
    """POST /search-users."""


class SearchQueues(_Search):
    """POST /search-queues."""
