"""The search attributes of a conversation: what operators search by, and when they are written."""

from __future__ import annotations

from hashlib import sha256
from uuid import uuid4

from domain.conversation import Mode
from domain.customers import customer_hash
from domain.events import Park
from tests.workflows.engine import Chat, Engine, eventually
from tests.workflows.random_chats import run_histories
from tests.workflows.test_deadlines import WITH_AGENT
from workflows import search_attributes


async def wait_until_found(chat: Chat, query: str) -> None:
    """Wait until the server finds this conversation by a query."""

    async def check() -> bool | None:
        return True if [run.id async for run in chat.engine.client.list_workflows(query)] == [chat.id] else None

    await eventually(check, f"found by {query}")


async def attribute_events(chat: Chat) -> list[int]:
    """The number of events of the conversation's search attributes in the history of each run.

    The SDK writes `TemporalChangeVersion` when a run begins (`workflows.rules_version`).
    """
    own = {key.name for key in search_attributes.KEYS}
    found = [
        [
            event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
            for event in run.events
        ]
        for run in await run_histories(chat)
    ]
    return [sum(not own.isdisjoint(fields) for fields in run) for run in found]


def test_customer_hash_matches_the_documentation() -> None:
    assert customer_hash("demo", "ä-17") == sha256("demo/ä-17".encode()).hexdigest()[:32]
    assert customer_hash("demo", "c-17") == "244aa53e6fb75ae6396508f0146e7ce9"


async def test_customer_id_finds_the_conversations_of_a_customer(engine: Engine) -> None:
    customer_id = str(uuid4())
    query = f"ChatCustomer = '{customer_hash('demo', customer_id)}'"
    chat = await engine.start(Mode.PERSISTENT, customer_id=customer_id)
    await wait_until_found(chat, query)  # no worker has run it yet
    async with engine.worker():
        await chat.do(*WITH_AGENT)
        await chat.renew()
        await chat.do(Park())
        await wait_until_found(chat, f"{query} AND ChatState = 'WAITING'")


async def test_conversation_without_customer_id_has_no_customer_attribute(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start()
        await chat.do(*WITH_AGENT)
        await wait_until_found(chat, f"WorkflowId = '{chat.id}' AND ChatState = 'ACTIVE' AND ChatCustomer IS NULL")


async def test_unchanged_attributes_are_not_written(engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start(Mode.PERSISTENT, customer_id="c-17")
        await chat.send("Hello?", "system")
        await chat.renew()
        await chat.send("Still there?", "system")
        assert await attribute_events(chat) == [0, 0]
        await chat.assign()
        assert await attribute_events(chat) == [0, 1]
