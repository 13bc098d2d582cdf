"""History: past chats above the present one, dividers between them, and pages of it as the reader scrolls up."""

from __future__ import annotations

from playwright.async_api import expect

from tests.pages.agents import Agent
from tests.pages.browser import Customer, Device

FEW = 45
"""Messages of a chat that fill more than one page of the transcript."""


async def past_chat(customer: Customer, agent: Agent, first: str, count: int = 1, *, continues: bool = False) -> None:
    """Hold a chat to its end."""
    if continues:
        before = (await customer.saved())["details"]["ContactId"]
        await customer.chat.get_by_role("button", name="Continue").click()
        await expect(customer.message).to_be_visible()
        contact = (await customer.saved())["details"]["ContactId"]
        assert contact != before
        await customer.say(first)
        await customer.sees(first)
    else:
        contact = await customer.start(first)
    participant = agent.take(contact)
    for number in range(1, count + 1):
        participant.say(f"{first}: answer {number}")
    agent.finish(contact)
    await expect(customer.has_ended).to_be_visible()


async def test_continued_chat_shows_all_past_ones_with_dividers(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    await past_chat(customer, agent, "First chat")
    await past_chat(customer, agent, "Second chat", continues=True)
    await past_chat(customer, agent, "Third chat", continues=True)
    await customer.log.evaluate("log => log.scrollTop = 0")
    for words in ("First chat", "Second chat", "Third chat"):
        await customer.sees(words)
    dividers = await customer.log.locator(".divider").all_inner_texts()
    assert [words.split(",")[0] for words in dividers] == ["Earlier chat", "Earlier chat", "This chat"]
    # what the customer has said in past chats is theirs, too
    await expect(customer.log.locator(".message-own")).to_have_count(3)


async def test_older_pages_come_as_the_reader_scrolls_and_nothing_jumps(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    await past_chat(customer, agent, "Long chat", FEW)
    await past_chat(customer, agent, "Next chat", 3, continues=True)
    await customer.page.reload()
    await customer.sees("Next chat: answer 3")
    place = "log => log.scrollHeight - log.scrollTop - log.clientHeight"
    await customer.log.hover()
    for _ in range(40):
        await customer.page.mouse.wheel(0, -300)
        if await customer.log.get_by_text("This is where your chats begin").count():
            break
        before = await customer.log.evaluate(place)
        await customer.page.wait_for_timeout(60)
        after = await customer.log.evaluate(place)
        # rows above may come and change; the distance to the end stays, but for the scrolling itself
        assert abs(after - before) <= 400
    await customer.log.get_by_text("This is where your chats begin").wait_for()
    await customer.log.evaluate("log => log.scrollTop = 0")
    await customer.sees("Long chat: answer 1")
    await customer.chat.get_by_role("button", name="Latest messages").click()
    await customer.sees("Next chat: answer 3")


async def test_reader_of_the_past_is_not_moved_by_new_messages(device: Device, agent: Agent) -> None:
    customer = await device.customer()
    participant = agent.take(await customer.start("Long talk"))
    for number in range(FEW):
        participant.say(f"Answer {number}")
    await customer.sees(f"Answer {FEW - 1}")
    await customer.log.hover()
    await customer.page.mouse.wheel(0, -600)
    await expect(customer.chat.get_by_role("button", name="Latest messages")).to_be_visible()
    top = await customer.log.evaluate("log => log.scrollTop")
    participant.say("Something new")
    await expect(customer.chat.get_by_role("button", name="New messages")).to_be_visible()
    assert abs(await customer.log.evaluate("log => log.scrollTop") - top) < 2
    await customer.chat.get_by_role("button", name="New messages").click()
    await customer.sees("Something new")
