"""Rates of requests: the burst, the long run, each caller for themselves, and bounded memory."""

from __future__ import annotations

import pytest

from api import request_rates
from api.request_rates import WINDOW_SECONDS, Failures, RequestRate
from configuration.schema.limits import Rate


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(request_rates, "monotonic", clock)
    return clock


def test_burst_is_taken_at_once_and_the_next_call_waits(clock: Clock) -> None:
    rate = RequestRate(Rate(10, 15))
    assert [rate.take("a") for _ in range(15)] == [0.0] * 15
    assert rate.take("a") == pytest.approx(0.1)
    clock.now += 0.05
    assert rate.take("a") == pytest.approx(0.05)


def test_in_the_long_run_a_caller_gets_the_rate(clock: Clock) -> None:
    rate, taken = RequestRate(Rate(10, 15)), 0
    for _ in range(1_000):
        taken += rate.take("a") == 0
        clock.now += 0.01
    assert taken == 15 + 99


def test_pause_fills_the_bucket_up_to_the_burst(clock: Clock) -> None:
    rate = RequestRate(Rate(0.5, 2))
    for _ in range(2):
        assert (rate.take("a"), rate.take("a")) == (0, 0)
        assert rate.take("a") == pytest.approx(2)
        clock.now += 1_000


def test_callers_do_not_share_a_bucket(clock: Clock) -> None:
    rate = RequestRate(Rate(1, 1))
    assert [rate.take(caller) for caller in ("a", "b", "a", "b")] == [0, 0, 1, 1]


def test_without_a_rate_every_call_is_taken_and_nobody_is_remembered(clock: Clock) -> None:
    rate = RequestRate(None)
    assert not any(rate.take("a") for _ in range(1_000))
    assert len(rate) == 0


def test_only_the_latest_callers_are_remembered(clock: Clock) -> None:
    rate = RequestRate(Rate(1, 1), callers=100)
    for number in range(1_000):
        rate.take("always" if number % 10 == 0 else number)
        clock.now += 0.001
    assert len(rate) == 100
    assert rate.take("always") > 0
    assert rate.take(1) == 0


def test_caller_with_too_many_failures_waits_for_a_minute(clock: Clock) -> None:
    failures = Failures(3)
    for _ in range(3):
        assert failures.wait("a") == 0
        failures.add("a")
        clock.now += 1
    assert failures.wait("a") == pytest.approx(WINDOW_SECONDS - 1)
    assert failures.wait("b") == 0
    clock.now += WINDOW_SECONDS
    assert failures.wait("a") == 0


def test_failures_of_more_than_a_minute_do_not_count(clock: Clock) -> None:
    failures = Failures(3)
    for _ in range(10):
        failures.add("a")
        clock.now += WINDOW_SECONDS / 2
        assert failures.wait("a") == 0


def test_only_the_latest_failures_are_remembered(clock: Clock) -> None:
    failures = Failures(1, callers=10)
    for number in range(100):
        failures.add(number)
    assert (failures.wait(0), failures.wait(99)) == (0, WINDOW_SECONDS)


def test_failures_without_limit_are_not_counted(clock: Clock) -> None:
    failures = Failures(None)
    for _ in range(1_000):
        failures.add("a")
    assert failures.wait("a") == 0
