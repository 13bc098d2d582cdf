from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.proxy import Proxy
from tests.stack import Stack

async def test_frozen(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    async with Proxy(stack.api_port) as proxy:
        chat = backend.start()
        customer, agent = await tabs.customer(chat, proxy.url), await tabs.agent(chat)
        await agent.say("before")
        await customer.hears("before")
        proxy.freeze()
        await agent.say("lost?")
        await agent.hears("lost?")
        try:
            await customer.seen("onDeepHeartbeatSuccess", times=2, within=30)
            await agent.say("after")
            await customer.hears("after")
        finally:
            print(customer.told())
        assert customer.heard() == ["before", "lost?", "after"]
