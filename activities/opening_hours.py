"""Telling conversations whether their queue is open."""

from __future__ import annotations

from temporalio import activity

from configuration.current import Configuration
from configuration.schema.opening_hours import local_time_text, opening_at
from domain.events import OpeningHours
from workflows.contract import ConversationActivities, OpeningHoursQuery


class OpeningHoursReader(ConversationActivities):
    """Knows the opening hours that are configured now."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    @activity.defn
    async def opening_hours(self, question: OpeningHoursQuery) -> OpeningHours:
        """What the queue's opening hours say of the instant. A queue that has none, or is not configured any more, is open."""
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
