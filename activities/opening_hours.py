"""Answers the queries of conversations for the opening hours of their queues."""

from __future__ import annotations

from temporalio import activity

from configuration.current import Configuration
from configuration.schema.opening_hours import local_time_text, opening_at
from domain.events import OpeningHours
from workflows.contract import ConversationActivities, OpeningHoursQuery


class OpeningHoursReader(ConversationActivities):
    """Implements the `opening_hours` activity on the current configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    @activity.defn
    async def opening_hours(self, question: OpeningHoursQuery) -> OpeningHours:
        """Returns the opening hours of a queue at an instant. A queue without hours, or no longer configured, is open."""
        instance = self._configuration.instances.get(question.instance)
        schedule = instance.schedule(question.queue) if instance else None
        if schedule is None:
            return OpeningHours(queue=question.queue, open=True)
        now = opening_at(schedule, question.at)
        return OpeningHours(
            queue=question.queue,
            open=now.open,
            until=now.until,
            holiday=now.holiday,
            opens=local_time_text(schedule, now.until) if now.until and not now.open else None,
        )
