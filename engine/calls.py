"""Calls to Temporal: which errors pass, so that the call is repeated, and what the others mean."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from random import uniform
from typing import TypeVar

from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import ConversationEnded, EngineUnavailable

_Result = TypeVar("_Result")

FIRST_DELAY = 0.01
DELAY_GROWTH = 1.5
MAX_DELAY = 1.0
"""Delays between repeated calls, in seconds. The first ones are short: while a run continues as new, Temporal refuses signals for
some milliseconds. The SDK would wait for a second (`runtime.temporal`)."""

REPEAT_SECONDS = 15.0
"""A call is repeated this long. A workflow task that the SDK has dropped is given out again after ten seconds, and Temporal
refuses signals until then. The SDK (1.35) drops it when a query and the task wait while the run leaves the cache."""

TRANSIENT = frozenset(
    {
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.ABORTED,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.UNKNOWN,
        RPCStatusCode.DATA_LOSS,
        RPCStatusCode.OUT_OF_RANGE,
    }
)
"""Errors that pass, as the SDK sees it."""


async def with_retries(
    call: Callable[[], Awaitable[_Result]], passing: frozenset[RPCStatusCode] = TRANSIENT
) -> _Result:
    """Make a call, and repeat it while it fails with an error that passes. What was sent must be idempotent.

    Raises:
        RPCError: another error, or the error of the last attempt.
    """
    for delay in delays():
        try:
            return await call()
        except RPCError as error:
            if error.status not in passing:
                raise
        await asyncio.sleep(delay)
    return await call()


def delays() -> Iterator[float]:
    """The delays between the attempts of a call, in seconds. They vary, so that callers do not meet again and again."""
    delay, total = FIRST_DELAY, 0.0
    while total < REPEAT_SECONDS:
        yield uniform(0.5, 1.0) * delay  # noqa: S311 - jitter is no secret
        total += delay
        delay = min(delay * DELAY_GROWTH, MAX_DELAY)


def domain_error_of(error: RPCError) -> ConversationEnded | EngineUnavailable:
    """The error of a request to one workflow. A missing namespace is `NOT_FOUND`, too, and says nothing about the workflow."""
    lacks_namespace = any(detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in error.grpc_status.details)
    if error.status is RPCStatusCode.NOT_FOUND and not lacks_namespace:
        return ConversationEnded()
    return EngineUnavailable()
