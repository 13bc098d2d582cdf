"""Writes the configured agents of the instances to the store, where offers find them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from configuration.current import Configuration
from configuration.schema.instances import InstanceSettings
from routing.agents import are_configured, configure_agents, fingerprint_of
from routing.records import RoutedAgent
from routing.served_instances import ServedInstances
from store.database import Database

CONFIGURE_INTERVAL = timedelta(seconds=10)
"""Interval at which the agents are compared with the store, even if the configuration has not changed."""


@dataclass(frozen=True, slots=True)
class _ConfiguredAgents:
    """The agents of an instance, as the store must have them."""

    instance: InstanceSettings
    queues: frozenset[str]
    agents: list[RoutedAgent]
    fingerprint: str
    compare_at: float


class AgentConfiguration:
    """The agents of all instances, according to the present configuration of this process."""

    def __init__(self, db: Database, configuration: Configuration) -> None:
        self._db = db
        self._configuration = configuration
        self._written: dict[str, _ConfiguredAgents] = {}

    async def write(self, name: str, queues_with_work: Iterable[str], served: ServedInstances) -> None:
        """Write the agents of an instance if they have changed. Compare them with the store after `CONFIGURE_INTERVAL`.

        Another process may have overwritten them. Agents without a list of queues serve every configured queue and every queue
        with work, including queues that are no longer configured. Agents whom the file does not have stay as long as a newer
        process with another file may follow.
        """
        instance, clock = self._configuration.instances[name], asyncio.get_running_loop().time()
        queues = instance.queue_names.union(queues_with_work)
        staff = self._written.get(name)
        if staff is None or staff.instance is not instance or staff.queues != queues:
            agents = _agents(instance, queues)
            staff = _ConfiguredAgents(instance, queues, agents, fingerprint_of(agents), clock)
        if clock < staff.compare_at:
            return
        if not await are_configured(self._db, name, staff.fingerprint):
            now, removes = datetime.now(UTC), served.is_undisputed(name)
            await configure_agents(self._db, name, staff.agents, now, removes=removes, holder=served.process)
            if not removes:
                return
        compare_at = clock + CONFIGURE_INTERVAL.total_seconds()
        self._written[name] = _ConfiguredAgents(instance, queues, staff.agents, staff.fingerprint, compare_at)


def _agents(instance: InstanceSettings, all_queues: frozenset[str]) -> list[RoutedAgent]:
    return [
        RoutedAgent(user, agent.name, agent.capacity, all_queues if agent.queues is None else agent.queues)
        for user, agent in instance.agents.items()
    ]
