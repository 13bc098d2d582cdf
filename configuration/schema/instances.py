"""Instances (tenants): their workstreams, queues, opening hours and agents."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, StringConstraints, ValidationInfo, field_validator

from configuration.schema.chat_pages import ChatPagesSettings
from configuration.schema.limits import InstanceLimits
from configuration.schema.schedules import ScheduleSettings
from configuration.schema.sections import Identifier, Number, SettingsSection
from configuration.schema.token_issuers import CustomerIdentitySettings, IdentityProviderSettings
from configuration.schema.topics import Topic, TopicArn
from configuration.schema.webhooks import WebhookSettings
from configuration.schema.workstreams import WorkstreamSettings

OTHER_QUEUES = "(other)"
"""The label of queues that are not configured. No configured queue has this name."""


class QueueSettings(SettingsSection):
    """A queue of waiting conversations. `hours` names its opening hours; None: it is always open."""

    hours: Identifier | None = None
    method: Literal["most-free", "round-robin"] = "most-free"
    """The agent who receives the next offer: the one with the most free capacity, or with the longest time since the last
    conversation."""


class AgentSettings(SettingsSection):
    """An agent. `queues` names the queues that the agent serves; None means all."""

    queues: Annotated[frozenset[Identifier], PlainSerializer(sorted, when_used="json")] | None = None
    capacity: Annotated[int, Field(ge=0, le=1_000), Number] = 4
    """Units of conversations that the agent can have at the same time."""
    supervisor: bool = False
    """Whether the agent may see and move the contacts of other agents, in the whole instance."""
    name: Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]


class InstanceSettings(SettingsSection):
    """An instance: one tenant."""

    identity_provider: IdentityProviderSettings | None = None
    """Whose tokens agents may exchange for agent tokens. None: only backends sign agents in."""
    customer_identity: CustomerIdentitySettings | None = None
    """Who signs the identity of customers. None: nobody."""
    hours: dict[Identifier, ScheduleSettings] = Field(default_factory=dict)
    queues: dict[Identifier, QueueSettings] = Field(default_factory=dict)
    workstreams: dict[Identifier, WorkstreamSettings] = Field(min_length=1)
    agents: dict[Identifier, AgentSettings] = Field(default_factory=dict)
    webhooks: dict[Identifier, WebhookSettings] = Field(default_factory=dict, max_length=50)
    """Where events are sent."""
    topics: dict[TopicArn, Topic] = Field(default_factory=dict)
    """Where the items of streamed chats are sent."""
    chat_pages: ChatPagesSettings | None = None
    """Which chats browsers may start without a backend. None: none."""
    limits: InstanceLimits = InstanceLimits()

    @field_validator("queues")
    @classmethod
    def _hours_exist(cls, queues: dict[str, QueueSettings], info: ValidationInfo) -> dict[str, QueueSettings]:
        for name, queue in queues.items():
            if queue.hours is not None and queue.hours not in info.data.get("hours", {queue.hours}):
                raise ValueError(f"{name}.hours: there are no hours {queue.hours!r}")
        return queues

    @field_validator("workstreams")
    @classmethod
    def _somebody_signs(
        cls, workstreams: dict[str, WorkstreamSettings], info: ValidationInfo
    ) -> dict[str, WorkstreamSettings]:
        # a wrong table is missing among the data, and is a mistake of its own
        if info.data.get("customer_identity", ...) is None:
            for name, workstream in workstreams.items():
                if workstream.needs_signed_customers:
                    raise ValueError(f"{name}.customer_identity: the instance has no table customer_identity")
        return workstreams

    @field_validator("chat_pages")
    @classmethod
    def _workstreams_exist(cls, pages: ChatPagesSettings | None, info: ValidationInfo) -> ChatPagesSettings | None:
        known = info.data.get("workstreams")
        unknown = [name for name in pages.workstreams if name not in known] if pages and known is not None else []
        if unknown:
            raise ValueError(f"workstreams: there is no workstream {unknown[0]!r}")
        return pages

    @property
    def queue_names(self) -> frozenset[str]:
        """The queues that workstreams name, and the queues with a table."""
        return frozenset(self.queues) | {workstream.queue for workstream in self.workstreams.values()}

    def label_of_queue(self, queue: str) -> str:
        """The name of a queue as a label of metrics. A signal by hand can name any queue, so unknown ones share a label."""
        return queue if queue in self.queue_names else OTHER_QUEUES

    def schedule(self, queue: str) -> ScheduleSettings | None:
        """Return the opening hours of a queue; None when it is always open."""
        hours = self.queues.get(queue, QueueSettings()).hours
        return None if hours is None else self.hours[hours]

    def agents_serving(self, queue: str) -> list[str]:
        """Return the users of the agents who serve a queue."""
        return [user for user, agent in self.agents.items() if agent.queues is None or queue in agent.queues]
