"""GetTranscript through ChatJS."""

from __future__ import annotations

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs

PAGE = 5


async def test_transcript_pages_are_complete_and_in_order(tabs: Tabs, backend: Backend) -> None:
    chat = backend.start()
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    for number in range(12):
        await (agent if number % 3 else customer).send(f"message {number}")
    await customer.wait_for_message("message 11")
    live = customer.items()
    assert len(live) == 14  # twelve messages and two joins

    backward = await customer.pages(PAGE)
    assert [len(page) for page in backward] == [PAGE, PAGE, 4]
    assert [item for page in reversed(backward) for item in page] == live

    forward = await agent.pages(PAGE, scanDirection="FORWARD", startPosition={"id": live[0]["Id"]})
    assert [item for page in forward for item in page] == live
