"""The queues of an instance, for supervisors: who waits, and who serves them."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter

from api.agent.responses import Instant
from api.agent.supervision import BySupervisor
from api.audit import AuditedRoute
from api.dependencies import ServicesInRequest
from api.openapi import ResponseBody, error_responses, example
from routing.agents import agent_states
from routing.supervision import queue_lengths

router = APIRouter(
    prefix="/v1/supervision",
    tags=["supervision"],
    route_class=AuditedRoute,
    responses=error_responses(name="AccessDeniedException", message="Only a supervisor may do that."),
)


class SupervisedQueueResponse(ResponseBody):
    """A queue.

    Attributes:
        waiting: the contacts that wait without an offer.
        longest_since: the start of the longest wait; None when nobody waits.
        agents: how many agents serve it.
        present: how many of them are neither away nor offline.
    """

    queue: str
    waiting: int
    longest_since: Instant | None
    agents: int
    present: int


class SupervisedQueuesResponse(ResponseBody):
    """All queues of an instance, by name."""

    model_config = example(
        {
            "queues": [
                {"queue": "live", "waiting": 3, "longest_since": "2026-03-02T09:15:04.120Z", "agents": 2, "present": 1}
            ]
        }
    )

    queues: list[SupervisedQueueResponse]


@router.get("/queues")
async def list_all_queues(services: ServicesInRequest, supervisor: BySupervisor) -> SupervisedQueuesResponse:
    """Returns the queues of the instance, by name. A removed queue is among them while contacts wait in it."""
    settings = supervisor.instance_settings
    waiting = await queue_lengths(services.db, supervisor.instance)
    states = await agent_states(services.db, supervisor.instance, datetime.now(UTC))
    at_work = {state.user for state in states if not state.status.is_absent}

    def overview(queue: str) -> SupervisedQueueResponse:
        count, since = waiting.get(queue, (0, None))
        serving = settings.agents_serving(queue)
        return SupervisedQueueResponse(
            queue=queue,
            waiting=count,
            longest_since=since,
            agents=len(serving),
            present=len(at_work.intersection(serving)),
        )

    return SupervisedQueuesResponse(queues=[overview(queue) for queue in sorted(settings.queue_names | waiting.keys())])
