"""boto3's clients, as their users make them; every response they get is held against botocore's model."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat.shapes import watch
from tests.stack import Stack


@pytest.fixture(scope="session")
def connect(stack: Stack) -> Any:
    return watch(stack.connect())


@pytest.fixture(scope="session")
def participant(stack: Stack) -> Any:
    return watch(stack.participant())
