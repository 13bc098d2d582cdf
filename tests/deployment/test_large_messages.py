"""A flood of the largest messages to one conversation: none is lost that was accepted, and the others are refused at once."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from tests.deployment.test_processes import credentials, post, start_chat
from tests.stack import Stack
from tests.workflows.engine import eventually
from workflows.run_length import BYTES_PER_RUN

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

LARGEST = "\x01" * 16_384
"""Each of these characters takes six bytes in the history."""

BYTES = 60_000_000
"""More than Temporal lets a history grow."""

SENDERS = 30


async def test_flood_of_large_messages_loses_none_that_was_accepted(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    stack.start()
    try:
        chat = await start_chat(stack.url)
        token = await credentials(stack.url, chat)
        accepted, refused = await send(stack.url, token, BYTES // (6 * len(LARGEST)))

        async def recorded() -> list[str] | None:
            found = await message_ids(stack.url, token)
            return found if len(found) >= len(accepted) else None

        found = await eventually(recorded, "all accepted messages are recorded", 60)
        assert sorted(found) == sorted(accepted)
        assert refused <= {429}
        await post(stack.url, "message", token, {"ContentType": "text/plain", "Content": "it goes on"})
        client = await Client.connect(stack.temporal)
        history = await client.get_workflow_handle(chat["ContactId"]).describe()
        assert history.raw_description.workflow_execution_info.history_size_bytes < 3 * BYTES_PER_RUN
    finally:
        stack.stop()


async def send(url: str, token: str, total: int) -> tuple[list[str], set[int]]:
    """Send messages at once, as many as given are accepted. Returns their ids, and the status codes of the others."""
    accepted, refused, numbers = list[str](), set[int](), count()

    async def send_some(http: httpx.AsyncClient) -> None:
        while len(accepted) < total and next(numbers) < 10 * total:
            body = {"ContentType": "text/plain", "Content": LARGEST}
            answer = await http.post(f"{url}/participant/message", json=body, headers={"X-Amz-Bearer": token})
            if answer.is_success:
                accepted.append(answer.json()["Id"])
            else:
                refused.add(answer.status_code)

    async with httpx.AsyncClient(timeout=60) as http:
        await asyncio.gather(*(send_some(http) for _ in range(SENDERS)))
    return accepted, refused


async def message_ids(url: str, token: str) -> list[str]:
    """The ids of the messages in the transcript."""
    found, page = list[str](), dict[str, Any]()
    while True:
        body = {"MaxResults": 100, "SortOrder": "ASCENDING"}
        answer = await post(url, "transcript", token, body | ({"NextToken": page["NextToken"]} if page else {}))
        found += [item["Id"] for item in answer["Transcript"] if item["Type"] == "MESSAGE"]
        if "NextToken" not in answer:
            return found
        page = answer
