"""Instances of the stack of three tenants, to be changed at will: after each test they are as they were."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.administration.admin import Admin, administered
from tests.api.calls import Api


@pytest.fixture
def hours(two: Api) -> Iterator[Admin]:
    yield from administered(two, "hours")


@pytest.fixture
def tenant(two: Api) -> Iterator[Admin]:
    yield from administered(two, "two")
