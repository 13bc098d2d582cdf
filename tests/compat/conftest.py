"""boto3 clients as users create them. Every response is validated against botocore's model."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat.shapes import validate_responses
from tests.stack import Stack


@pytest.fixture(scope="session")
def connect(stack: Stack) -> Any:
    return validate_responses(stack.connect())


@pytest.fixture(scope="session")
def participant(stack: Stack) -> Any:
    return validate_responses(stack.participant())
