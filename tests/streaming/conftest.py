"""A Perennial with topics, and their subscriber."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.compat.shapes import validate_responses
from tests.stack import Stack
from tests.streaming.calls import TOPICS
from tests.webhooks.receiver import SECRET
from tests.webhooks.subscriber import Subscriber, subscribing_aside


@pytest.fixture(scope="package")
def subscriber() -> Iterator[Subscriber]:
    """The subscriber of all topics."""
    with subscribing_aside() as running:
        yield running


@pytest.fixture(scope="package")
def streaming(subscriber: Subscriber, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A Perennial with three topics, and with the workstream `hasty`, where a customer who is away is soon lost."""
    topic = {"url": subscriber.url, "secrets": [SECRET]}
    running = Stack(
        tmp_path_factory.mktemp("streaming"),
        {
            "PERENNIAL_INSTANCES__demo__topics": json.dumps(dict.fromkeys(TOPICS, topic)),
            "PERENNIAL_INSTANCES__demo__workstreams__hasty": json.dumps(
                {"mode": "live", "queue": "live", "connect_within": "PT10S", "reconnect_window": "PT2S"}
            ),
            "PERENNIAL_PRESENCE_DEBOUNCE": "PT0.1S",
        },
    )
    running.start()
    yield running
    assert running.stop() == 0, running.log()
    assert "Traceback" not in running.log()


@pytest.fixture(scope="package")
def connect(streaming: Stack) -> Any:
    return validate_responses(streaming.connect())


@pytest.fixture(scope="package")
def participant(streaming: Stack) -> Any:
    return validate_responses(streaming.participant())
