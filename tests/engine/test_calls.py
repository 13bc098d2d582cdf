"""Calls to Temporal are repeated while their error passes: soon at first, later more rarely, and not for ever."""

from __future__ import annotations

from itertools import islice

import pytest
from temporalio.service import RPCError, RPCStatusCode

from engine import calls
from engine.calls import delays, with_retries


class FailingCall:
    """Fails with these errors, one after the other, and then returns "done"."""

    def __init__(self, *statuses: RPCStatusCode) -> None:
        self._errors = [RPCError("it failed", status, b"") for status in statuses]
        self.attempts = 0

    async def __call__(self) -> str:
        self.attempts += 1
        if self._errors:
            raise self._errors.pop(0)
        return "done"


async def test_call_is_repeated_while_its_error_passes() -> None:
    call = FailingCall(RPCStatusCode.RESOURCE_EXHAUSTED, RPCStatusCode.UNAVAILABLE)
    assert await with_retries(call) == "done"
    assert call.attempts == 3


async def test_error_that_does_not_pass_is_raised_at_once() -> None:
    call = FailingCall(RPCStatusCode.NOT_FOUND)
    with pytest.raises(RPCError):
        await with_retries(call)
    assert call.attempts == 1


async def test_caller_adds_errors_that_pass() -> None:
    call = FailingCall(RPCStatusCode.FAILED_PRECONDITION)
    assert await with_retries(call, calls.TRANSIENT | {RPCStatusCode.FAILED_PRECONDITION}) == "done"


async def test_last_error_is_raised_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "REPEAT_SECONDS", 0.02)
    call = FailingCall(*[RPCStatusCode.UNAVAILABLE] * 10)
    with pytest.raises(RPCError):
        await with_retries(call)
    assert 2 <= call.attempts < 10


def test_first_delays_are_short_and_all_of_them_take_no_longer_than_the_limit_and_one_more() -> None:
    assert sum(islice(delays(), 5)) < 0.15
    assert calls.REPEAT_SECONDS / 2 <= sum(delays()) < calls.REPEAT_SECONDS + calls.MAX_DELAY
