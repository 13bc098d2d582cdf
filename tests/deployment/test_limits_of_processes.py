"""Limits with two API processes: open chats are counted by both together, rates by each of them."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.deployment.test_processes import credentials, deployed, start_chat
from tests.stack import SECRET
from tests.workflows.engine import eventually

pytestmark = pytest.mark.chaos

MOST = 5
BURST = 3


async def start(http: httpx.AsyncClient, url: str) -> httpx.Response:
    body = {
        "InstanceId": "demo",
        "ContactFlowId": "persistent",
        "ParticipantDetails": {"DisplayName": "Ada"},
        "ClientToken": str(uuid4()),
    }
    return await http.put(f"{url}/contact/chat", json=body, headers={"authorization": f"Bearer {SECRET}"})


async def test_open_chats_are_counted_by_all_processes_and_rates_by_each(tmp_path: Path) -> None:
    limits = f'{{"starts": "off", "open_chats": {MOST}, "messages": "0.001/{BURST}"}}'
    async with deployed(tmp_path, 2, PERENNIAL_LIMITS=limits) as deployment, httpx.AsyncClient(timeout=30) as http:
        with ExitStack() as processes:
            for process in (deployment.worker(), deployment.api(0), deployment.api(1)):
                processes.enter_context(process)
            await deployment.ready()
            here, there = deployment.urls
            chat = await start_chat(here)
            token = await credentials(there, chat)
            for url in (here, there, here, there):
                assert (await start(http, url)).status_code == 200
            for url in (here, there):
                refused = await start(http, url)
                assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (429, "LimitExceededException")

            for url in (here, there):
                answers = [await send(http, url, token) for _ in range(BURST + 2)]
                assert answers == [200] * BURST + [429] * 2

            stopped = {"InstanceId": "demo", "ContactId": chat["ContactId"]}
            headers = {"authorization": f"Bearer {SECRET}"}
            (await http.post(f"{here}/contact/stop", json=stopped, headers=headers)).raise_for_status()

            async def has_room() -> bool | None:
                return (await start(http, there)).is_success or None

            await eventually(has_room, "room for one more chat")


async def test_starts_at_once_exceed_the_limit_by_no_more_than_are_under_way(tmp_path: Path) -> None:
    at_once = 10
    limits = f'{{"starts": "off", "open_chats": {MOST}}}'
    async with deployed(tmp_path, 2, PERENNIAL_LIMITS=limits) as deployment, httpx.AsyncClient(timeout=30) as http:
        with ExitStack() as processes:
            for process in (deployment.worker(), deployment.api(0), deployment.api(1)):
                processes.enter_context(process)
            await deployment.ready()
            accepted = 0
            for _ in range(4):
                urls = deployment.urls * (at_once // 2)
                answers = await asyncio.gather(*(start(http, url) for url in urls))
                accepted += sum(answer.is_success for answer in answers)
            assert MOST <= accepted <= MOST - 1 + at_once


async def send(http: httpx.AsyncClient, url: str, token: str) -> int:
    body: dict[str, Any] = {"ContentType": "text/plain", "Content": "hello"}
    answer = await http.post(f"{url}/participant/message", json=body, headers={"x-amz-bearer": token})
    return answer.status_code
