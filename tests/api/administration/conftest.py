"""Instances that a test may change. They are restored after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.administration.admin import Admin, administer
from tests.api.calls import Api


@pytest.fixture
def hours_admin(tenants: Api) -> Iterator[Admin]:
    yield from administer(tenants, "hours")


@pytest.fixture
def tenant_admin(tenants: Api) -> Iterator[Admin]:
    yield from administer(tenants, "two")
