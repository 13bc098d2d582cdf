"""Requests of GetCurrentMetricData and GetCurrentUserData, with the limits of the botocore model (1.44.8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from annotated_types import Interval, MaxLen, MinLen
from pydantic import Field, model_validator

from api.connect.pages import NextToken
from wire.models import OnlyServedMembers, OrDefault, QueueId, Remark, UserId, WireModel

Channel = Literal["VOICE", "CHAT", "TASK", "EMAIL"]
CurrentMetricName = Literal[
    "AGENTS_ONLINE",
    "AGENTS_AVAILABLE",
    "AGENTS_ON_CALL",
    "AGENTS_NON_PRODUCTIVE",
    "AGENTS_AFTER_CONTACT_WORK",
    "AGENTS_ERROR",
    "AGENTS_STAFFED",
    "CONTACTS_IN_QUEUE",
    "OLDEST_CONTACT_AGE",
    "CONTACTS_SCHEDULED",
    "AGENTS_ON_CONTACT",
    "SLOTS_ACTIVE",
    "SLOTS_AVAILABLE",
    "ESTIMATED_WAIT_TIME",
]
Grouping = Literal[
    "QUEUE",
    "CHANNEL",
    "ROUTING_PROFILE",
    "ROUTING_STEP_EXPRESSION",
    "AGENT_STATUS",
    "SUBTYPE",
    "VALIDATION_TEST_TYPE",
]
ContactState = Literal[
    "INCOMING",
    "PENDING",
    "CONNECTING",
    "CONNECTED",
    "CONNECTED_ONHOLD",
    "MISSED",
    "ERROR",
    "ENDED",
    "REJECTED",
]

_IN_SECONDS = ("OLDEST_CONTACT_AGE", "ESTIMATED_WAIT_TIME")
PageSize = Annotated[int, Interval(ge=1, le=100)]


class MetricFilters(OnlyServedMembers):
    """The queues, all without a list, and the channels of the metrics."""

    queues: OrDefault[Annotated[list[QueueId], MinLen(1), MaxLen(100)]] = Field(default_factory=list)
    channels: OrDefault[Annotated[list[Channel], MaxLen(4)]] = Field(default_factory=list[Channel])

    @property
    def excludes_chats(self) -> bool:
        """Whether only other channels are wanted."""
        return bool(self.channels) and "CHAT" not in self.channels


class CurrentMetric(OnlyServedMembers):
    """A metric, by its name. The unit can be left out."""

    name: CurrentMetricName
    unit: Literal["SECONDS", "COUNT", "PERCENT"] | None = None

    @property
    def true_unit(self) -> str:
        """The unit of the metric."""
        return "SECONDS" if self.name in _IN_SECONDS else "COUNT"

    @model_validator(mode="after")
    def _has_its_unit(self) -> Self:
        if self.unit not in (None, self.true_unit):
            raise ValueError(f"the Unit of {self.name} is {self.true_unit}")
        return self


class MetricOrder(WireModel):
    """The metric by which the results are sorted."""

    sort_by_metric: OrDefault[CurrentMetricName] = "AGENTS_ONLINE"
    sort_order: OrDefault[Literal["ASCENDING", "DESCENDING"]] = "DESCENDING"


class GetCurrentMetricData(OnlyServedMembers):
    """POST /metrics/current/{InstanceId}."""

    filters: MetricFilters
    groupings: Annotated[
        OrDefault[Annotated[tuple[Grouping, ...], MaxLen(2)]],
        Remark("QUEUE, CHANNEL, both, or QUEUE and AGENT_STATUS"),
    ] = ()
    current_metrics: Annotated[list[CurrentMetric], MinLen(1), MaxLen(100)]
    next_token: NextToken | None = None
    max_results: PageSize | None = None
    sort_criteria: OrDefault[Annotated[list[MetricOrder], MaxLen(1)]] = Field(default_factory=list[MetricOrder])

    @property
    def order(self) -> tuple[CurrentMetricName, bool]:
        """The metric by which the results are sorted, and whether the greatest comes first."""
        order = self.sort_criteria[0] if self.sort_criteria else MetricOrder()
        return order.sort_by_metric, order.sort_order == "DESCENDING"


class ContactFilter(OnlyServedMembers):
    """Only agents with a contact in one of these states, and only these contacts."""

    contact_states: OrDefault[Annotated[list[ContactState], MaxLen(9)]] = Field(default_factory=list[ContactState])


class UserDataFilters(OnlyServedMembers):
    """The agents: those who serve one of the queues, or those who are named; without both, all."""

    queues: OrDefault[Annotated[list[QueueId], MinLen(1), MaxLen(100)]] = Field(default_factory=list)
    agents: OrDefault[Annotated[list[UserId], MinLen(1), MaxLen(100)]] = Field(default_factory=list)
    contact_filter: OrDefault[ContactFilter] = Field(default_factory=ContactFilter)

    @model_validator(mode="after")
    def _has_one_list(self) -> Self:
        if self.queues and self.agents:
            raise ValueError("only one of Queues and Agents can be given")
        return self

    @property
    def states(self) -> Sequence[ContactState]:
        """The wanted states of contacts; empty: all, and agents without contacts, too."""
        return self.contact_filter.contact_states


class GetCurrentUserData(OnlyServedMembers):
    """POST /metrics/userdata/{InstanceId}."""

    filters: UserDataFilters
    next_token: NextToken | None = None
    max_results: PageSize | None = None
