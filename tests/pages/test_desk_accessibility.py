"""Axe finds nothing on the desk and the supervisor's view, light and dark."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.pages.accessibility import findings
from tests.pages.conftest import Devices
from tests.pages.desks import WIDE, Desk, Supervisor

pytestmark = pytest.mark.usefixtures("quiet_floor")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_desk_and_supervisor_have_no_findings(devices: Devices, scheme: str) -> None:
    # each on a device of its own: a tab behind another one draws once a second
    desk = await Desk.open(await devices(**WIDE, color_scheme=scheme))
    view = await Supervisor.open(await devices(**WIDE, color_scheme=scheme))
    assert await findings(desk.page) == []
    customer = await (await devices()).customer()
    await customer.start("Hello", kind="Leave it open", name="Nora")
    await expect(desk.offer("Nora")).to_be_visible()
    assert await findings(desk.page) == []
    await desk.accept("Nora")
    await desk.say("Hello")
    await expect(view.contact("Nora")).to_be_visible()
    assert await findings(desk.page) == []
    assert await findings(view.page) == []
    await view.contact("Nora").get_by_role("button", name="Assign").click()
    assert await findings(view.page) == []
    await desk.act("Transfer")
    await expect(desk.dialog).to_contain_text("Agent Two")
    assert await findings(desk.page) == []
    await desk.page.keyboard.press("Escape")
    await desk.act("Park")
    resume, close = (desk.page.get_by_role("button", name=name, exact=True) for name in ("Resume", "Close"))
    # axe reads colours one after the other: none may change meanwhile
    await expect(resume).to_be_enabled()
    assert await findings(desk.page) == []
    await resume.click()
    await desk.act("End", "End chat")
    await expect(desk.page.get_by_role("timer", name="Time in wrap-up")).to_be_visible()
    await expect(close).to_be_enabled()
    assert await findings(desk.page) == []
    await close.click()
