"""Refusals of a flood are held back, so that a process answers only some of them in a second."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from api import request_limits
from api.request_limits import RequestLimits
from configuration.schema.limits import LimitSettings
from domain.errors import TooFast
from runtime.metrics import ApiMetrics


async def test_refusals_of_many_connections_are_answered_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_limits, "REFUSALS_PER_SECOND", 500)
    limits = RequestLimits(LimitSettings.model_validate({"agents": "0.001/1"}), ApiMetrics())
    await limits.take_for_agent("demo", "a1")
    began = monotonic()
    refused = await asyncio.gather(*(limits.take_for_agent("demo", "a1") for _ in range(250)), return_exceptions=True)
    assert all(isinstance(each, TooFast) for each in refused)
    assert monotonic() - began >= 0.5
