"""Tenants: their workstreams, queues, opening hours and agents."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, StringConstraints, ValidationInfo, field_validator

from runtime.schedules import Schedule
from runtime.sections import Identifier, Section
from runtime.workstreams import Workstream


class Queue(Section):
    """Where conversations wait. `hours` names its opening hours; without any it is always open."""

    hours: Identifier | None = None
    method: Literal["most-free", "round-robin"] = "most-free"
    """Who is offered the next conversation: who has the most free capacity, or whose last one was the longest ago."""


class Agent(Section):
    """Somebody who can be given conversations; `queues` names those they serve, left out means all."""

    queues: Annotated[frozenset[Identifier], PlainSerializer(sorted, when_used="json")] | None = None
    capacity: Annotated[int, Field(ge=0, le=1_000, strict=True)] = 4
    """How many units of conversations they can be given."""
    supervisor: bool = False
    """Whether they may see and move what is not theirs, in the whole instance."""
    name: Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]


class Instance(Section):
    """A tenant."""

    hours: dict[Identifier, Schedule] = Field(default_factory=dict)
    queues: dict[Identifier, Queue] = Field(default_factory=dict)
    workstreams: dict[Identifier, Workstream] = Field(min_length=1)
    agents: dict[Identifier, Agent] = Field(default_factory=dict)

    @field_validator("queues")
    @classmethod
    def _hours_exist(cls, queues: dict[str, Queue], info: ValidationInfo) -> dict[str, Queue]:
        for name, queue in queues.items():
            if queue.hours is not None and queue.hours not in info.data.get("hours", {queue.hours}):
                raise ValueError(f"{name}.hours: there are no hours {queue.hours!r}")
        return queues

    @property
    def queue_names(self) -> frozenset[str]:
        """The queues that workstreams name, and those that have a table."""
        return frozenset(self.queues) | {workstream.queue for workstream in self.workstreams.values()}

    def schedule(self, queue: str) -> Schedule | None:
        """The opening hours of a queue; None when it is always open."""
        hours = self.queues.get(queue, Queue()).hours
        return None if hours is None else self.hours[hours]

    def serving(self, queue: str) -> list[str]:
        """The agents who serve a queue."""
        return [user for user, agent in self.agents.items() if agent.queues is None or queue in agent.queues]
