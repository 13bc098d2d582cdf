"""The supervisor's view: queues, agents and open contacts, live, and what a supervisor does with them."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import expect

from tests.pages.agents import Agent
from tests.pages.conftest import Devices
from tests.pages.desks import WIDE, Desk, Supervisor

pytestmark = pytest.mark.usefixtures("quiet_floor")

VIEW = re.compile("^Supervisor.s view$")


async def test_supervisor_assigns_and_ends(devices: Devices, http: httpx.Client) -> None:
    view = await Supervisor.open(await devices())
    customer = await (await devices()).customer()
    await customer.start("Hello", kind="Leave it open", name="Lena")
    row = view.contact("Lena")
    await expect(row).to_contain_text("Waiting")
    await expect(view.queue("persistent")).to_contain_text(
        re.compile("1 waiting.*Longest 0:.*0 of 2 agents present", re.DOTALL)
    )

    desk = await Desk.open(await devices(**WIDE), status="Away")
    await expect(view.queue("persistent")).to_contain_text("0 of 2 agents present")
    await row.get_by_role("button", name="Assign Lena").click()
    await view.dialog.get_by_label(re.compile("Agent One")).check()
    await view.dialog.get_by_role("button", name="Assign", exact=True).click()
    await desk.is_told("You have a conversation with Lena.")
    await expect(row).to_contain_text(re.compile("Active.*Agent One", re.DOTALL))
    await expect(view.agent("Agent One")).to_contain_text("1 of 4")
    # the desk has connected: else its socket would be refused after the end
    await customer.sees("Agent One has joined")

    await row.get_by_role("button", name="End Lena").click()
    await view.dialog.get_by_role("button", name="End chat").click()
    await expect(row).to_contain_text("Wrap-up")
    await expect(desk.group("Wrap-up").get_by_role("button", name="Lena")).to_be_visible()
    await row.get_by_role("button", name="Close Lena").click()
    await view.dialog.get_by_role("button", name="Close", exact=True).click()
    await expect(row).to_have_count(0)
    await expect(desk.page.get_by_text("Nothing to finish")).to_be_visible()


async def test_supervisor_releases_filters_and_sets_a_status(
    devices: Devices, http: httpx.Client, agent: Agent
) -> None:
    view = await Supervisor.open(await devices())
    customer = await (await devices()).customer()
    contact = await customer.start("Hello", name="Mona")
    agent.take(contact)
    row = view.contact("Mona")
    await expect(row).to_contain_text("Agent One")
    await view.agent("Agent One").get_by_label("Status of Agent One").select_option("Do not disturb")
    await expect(view.agent("Agent One").get_by_label("Status of Agent One")).to_have_value("busy-do-not-disturb")
    assert agent.call("GET", "/v1/agent")["status"] == "busy-do-not-disturb"
    await row.get_by_role("button", name="Release Mona").click()
    await view.dialog.get_by_role("button", name="Release", exact=True).click()
    await expect(row).to_contain_text("Waiting")

    search = view.page.get_by_label("Search the contacts")
    await search.fill("nobody has this name")
    await expect(view.page.get_by_text("No contact fits the filter.")).to_be_visible()
    await search.fill("mon")
    await expect(row).to_be_visible()
    await view.page.get_by_label("State", exact=True).select_option("Active")
    await expect(row).to_have_count(0)
    await view.page.get_by_role("button", name="Clear").click()
    await row.get_by_role("button", name="End Mona").click()
    await view.dialog.get_by_role("button", name="End chat").click()
    await expect(row).to_have_count(0)


async def test_supervisor_transfers_a_whole_queue(devices: Devices, http: httpx.Client) -> None:
    view = await Supervisor.open(await devices())
    for name in ("Nils", "Olga"):
        await (await (await devices()).customer()).start("Hello", name=name)
    await expect(view.queue("live")).to_contain_text("2 waiting")
    await view.page.get_by_role("button", name="Transfer all of live").click()
    await view.dialog.get_by_label("persistent", exact=True).check()
    await view.dialog.get_by_role("button", name="Transfer all", exact=True).click()
    await expect(view.page.get_by_text("2 contacts were transferred.", exact=True).first).to_be_visible()
    await expect(view.queue("live")).to_contain_text("0 waiting")
    for name in ("Nils", "Olga"):
        await expect(view.contact(name)).to_contain_text("persistent")


async def test_supervisor_moves_a_contact_to_another_queue(devices: Devices, http: httpx.Client) -> None:
    view = await Supervisor.open(await devices())
    await (await (await devices()).customer()).start("Hello", name="Pia")
    await view.contact("Pia").get_by_role("button", name="Assign Pia").click()
    await expect(view.dialog.get_by_label("live", exact=True)).to_have_count(0)
    await view.dialog.get_by_label("persistent", exact=True).check()
    await view.dialog.get_by_role("button", name="Assign", exact=True).click()
    await expect(view.contact("Pia")).to_contain_text("persistent")


async def test_desk_of_a_supervisor_leads_to_the_view_and_stays_open(devices: Devices) -> None:
    device = await devices(**WIDE)
    desk = await Desk.open(device, "Supervisor One", "Away")
    async with device.context.expect_page() as opened:
        await desk.page.get_by_role("link", name=VIEW).click()
    view = await opened.value
    await expect(view.get_by_text("Live", exact=True)).to_be_visible()
    await expect(desk.status).to_have_value("away")
    other = await Desk.open(await devices(**WIDE), "Agent One", "Away")
    await expect(other.page.get_by_role("link", name=VIEW)).to_have_count(0)


async def test_agents_are_told_that_only_supervisors_see_it(devices: Devices, http: httpx.Client) -> None:
    token = http.post("/v1/demo/sign-in", json={"instance": "demo", "user": "a1"}).json()["token"]
    device = await devices()
    device.expected = ("403",)
    page = await device.page(f"supervisor#token={token}")
    await expect(page.get_by_role("alert")).to_contain_text("Only supervisors see this page")


async def test_hidden_page_does_not_ask_the_server(devices: Devices) -> None:
    device = await devices()
    await device.context.clock.install()
    view = await Supervisor.open(device)
    await view.page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    asked: list[str] = []
    view.page.on("request", lambda request: asked.append(request.url))
    await device.context.clock.run_for(60_000)
    assert asked == []
    async with view.page.expect_request("**/v1/supervision/contacts"):
        await view.page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
