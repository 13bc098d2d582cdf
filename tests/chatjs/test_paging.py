"""GetTranscript as ChatJS asks for it."""

from __future__ import annotations

from typing import Any

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.driver import Tab

PAGE = 5


async def pages(tab: Tab, arguments: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """All pages, as they come."""
    found: list[list[dict[str, Any]]] = []
    token: dict[str, str] = {}
    while len(found) < 10:
        page = await tab.call("getTranscript", {"maxResults": PAGE, **arguments, **token})
        found.append(page["Transcript"])
        if "NextToken" not in page:
            break
        token = {"nextToken": page["NextToken"]}
    return found


async def test_a_transcript_comes_whole_and_in_order_page_by_page(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    for number in range(12):
        await (agent if number % 3 else customer).say(f"message {number}")
    await customer.hears("message 11")
    live = customer.items()
    assert len(live) == 14  # twelve messages and two who joined

    backward = await pages(customer, {})
    assert [len(page) for page in backward] == [PAGE, PAGE, 4]
    assert [item for page in reversed(backward) for item in page] == live

    onward = {"scanDirection": "FORWARD", "startPosition": {"id": live[0]["Id"]}}
    assert [item for page in await pages(agent, onward) for item in page] == live
