"""Browsers whose clocks are an hour off: times, countdowns and the order of messages are those of the server."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.async_api import Locator, expect

from tests.pages.browser import Device
from tests.pages.conftest import Devices
from tests.pages.desks import WIDE, Desk, Supervisor

pytestmark = pytest.mark.usefixtures("quiet_floor")

HOUR_MS = 3_600_000

SHIFT = """(() => {
  const shift = %d;
  const Right = Date;
  globalThis.Date = new Proxy(Right, {
    construct: (target, given, made) => Reflect.construct(target, given.length ? given : [Right.now() + shift], made),
    apply: () => new Right(Right.now() + shift).toString(),
    get: (target, name) => (name === "now" ? () => Right.now() + shift : Reflect.get(target, name)),
  });
})()"""
"""Gives each document of a browser a clock that is off by some milliseconds."""

A_MINUTE_AGO = re.compile(r"^1 min\.? ago$")
SECONDS = re.compile(r"^0:\d\d$")


async def with_clock_off(device: Device, hours: int) -> Device:
    """Set the clock of a browser wrong."""
    await device.context.add_init_script(SHIFT % (hours * HOUR_MS))
    return device


async def is_now(times: Locator, local: str) -> None:
    """Check that a list shows present times, in its order, as a browser with a right clock would."""
    shown = await times.evaluate_all("times => times.map((time) => [time.dateTime, time.textContent])")
    assert shown
    instants = [datetime.fromisoformat(instant) for instant, _ in shown]
    assert instants == sorted(instants)
    for instant, text in zip(instants, (text for _, text in shown), strict=True):
        assert abs((datetime.now(UTC) - instant).total_seconds()) < 60
        assert text in local


LOCAL_TIMES = """() => [-120, -60, 0].map((seconds) =>
  new Date(performance.timeOrigin + performance.now() + 1000 * seconds)
    .toLocaleTimeString("en-GB", { hour: "numeric", minute: "2-digit" })).join()"""
"""The present minute and the two before it, by a clock that nobody has shifted."""


@pytest.mark.parametrize("hours", [1, -1], ids=["ahead", "behind"])
async def test_clocks_of_both_sides_are_an_hour_off(devices: Devices, hours: int) -> None:
    desk = await Desk.open(await with_clock_off(await devices(**WIDE), hours))
    view = await Supervisor.open(await with_clock_off(await devices(**WIDE), hours))
    off = await desk.page.evaluate("Date.now()") / 1000 - datetime.now(UTC).timestamp()
    assert abs(off - 3600 * hours) < 60
    customer = await (await with_clock_off(await devices(), -hours)).customer()
    contact = await customer.start("One", name="Sven")
    await expect(desk.offer("Sven").get_by_role("timer")).to_have_text(re.compile(r"^(2:0\d|1:[345]\d)$"))
    await expect(desk.page.locator(".offer-late")).to_have_count(0)
    await expect(view.contact("Sven").locator("[data-label=For]")).to_have_text(SECONDS)
    await desk.accept("Sven")
    words = ["One"]
    for number, side in enumerate((desk, customer, customer, desk)):
        words.append(f"Message {number}")
        await side.say(words[-1])
        for each in (desk, customer):
            await expect(each.words).to_have_text(words)
    await expect(customer.log.locator(".message-own").last).to_contain_text("Read")
    local = await desk.page.evaluate(LOCAL_TIMES)
    for side in (desk, customer):
        await is_now(side.log.locator("time"), local)
    entry = desk.group("Active").get_by_role("button", name="Sven")
    await expect(entry.locator(".entry-time")).to_have_text(A_MINUTE_AGO)

    await desk.act("End", "End chat")
    await expect(desk.page.get_by_role("timer", name="Time in wrap-up")).to_have_text(SECONDS)
    await expect(customer.has_ended).to_be_visible()
    await customer.frame.evaluate(
        "key => localStorage[key] = JSON.stringify({...JSON.parse(localStorage[key]), connectionToken: null})",
        "perennial.chat.demo",
    )
    await customer.page.reload()
    await expect(customer.chat.get_by_text("Your last chat was")).to_contain_text(re.compile(r"was 1 min\.? ago\."))
    await customer.chat.get_by_role("button", name="Continue").click()
    await expect(customer.words).to_have_text(words)
    await customer.say("Five")
    await expect(customer.words).to_have_text([*words, "Five"])
    assert (await customer.saved())["details"]["ContactId"] != contact
