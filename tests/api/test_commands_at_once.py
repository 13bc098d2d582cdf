"""Many commands of one conversation at once: each is done or refused with 4xx, and those of its agent go first."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest

from tests.api.calls import Api
from tests.compat.chats import Chat, join_as_agent
from tests.stack import SECRET, Stack

AT_ONCE = 150

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def agent_token(api: Api) -> str:
    answer = api.send("SignIn", {"instance": "demo", "user": "a1"}, token=SECRET)
    return str(answer.raise_for_status().json()["token"])


def assigned(api: Api, stack: Stack) -> tuple[Chat, Chat]:
    """A persistent chat with its agent: the customer's side and the agent's."""
    chat = api.start()
    return chat, join_as_agent(stack, stack.connect(), stack.participant(), chat)


async def statuses(url: str, path: str, headers: dict[str, str], count: int = AT_ONCE) -> Counter[int]:
    limits = httpx.Limits(max_connections=count)
    async with httpx.AsyncClient(base_url=url, timeout=90, limits=limits) as http:
        answers = await asyncio.gather(*(http.post(path, headers=headers, json={}) for _ in range(count)))
    return Counter(answer.status_code for answer in answers)


async def test_disconnects_at_once_are_done_or_refused(api: Api, stack: Stack) -> None:
    _, agent = await asyncio.to_thread(assigned, api, stack)
    found = await statuses(api.stack.url, "/participant/disconnect", {"x-amz-bearer": agent.token})
    assert found[200]
    assert found.keys() <= {200, 400, 403, 409, 429}, found


@pytest.mark.parametrize("action", ["park", "resume"])
async def test_actions_of_an_agent_at_once_are_done_or_refused(
    api: Api, stack: Stack, agent_token: str, action: str
) -> None:
    chat, _ = await asyncio.to_thread(assigned, api, stack)
    headers = {"authorization": f"Bearer {agent_token}"}
    path = f"/v1/agent/contacts/{chat.contact_id}/"
    assert (await statuses(api.stack.url, f"{path}park", headers, 1))[200]
    if action == "park":
        assert (await statuses(api.stack.url, f"{path}resume", headers, 1))[200]
    found = await statuses(api.stack.url, path + action, headers)
    assert found[200]
    assert found.keys() <= {200, 400, 409, 429}, found


async def test_agent_acts_while_the_customer_hammers(api: Api, stack: Stack, agent_token: str) -> None:
    chat, _ = await asyncio.to_thread(assigned, api, stack)
    hammering = asyncio.create_task(
        statuses(api.stack.url, "/participant/disconnect", {"x-amz-bearer": chat.token}, 3 * AT_ONCE)
    )
    headers = {"authorization": f"Bearer {agent_token}"}
    async with httpx.AsyncClient(base_url=api.stack.url, timeout=90) as http:
        for action in ("park", "resume", "park", "resume"):
            answer = await http.post(f"/v1/agent/contacts/{chat.contact_id}/{action}", headers=headers)
            assert answer.status_code == 200, (action, answer.text)
    assert (await hammering).keys() <= {200, 400, 403, 409, 429}
