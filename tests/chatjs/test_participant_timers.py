"""Participant timers: both sides receive the idle, returned and disconnect events; no transcript stores them."""

from __future__ import annotations

from datetime import timedelta

from domain.events import TimerSetting
from domain.participants import ParticipantTimer, Role
from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.engine import set_participant_timers
from tests.chatjs.wire import AUTO_DISCONNECTED, IDLE, LEFT, RETURNED
from tests.stack import Stack

SOON = timedelta(seconds=1)
"""Shorter than the wire allows: it counts whole minutes, at least two."""


async def test_participant_timer_events_reach_both_sides_and_are_not_stored(
    tabs: Tabs, backend: Backend, stack: Stack
) -> None:
    chat = backend.start()
    await set_participant_timers(
        stack, chat.contact, TimerSetting(role=Role.CUSTOMER, kind=ParticipantTimer.IDLE, limit=SOON)
    )
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    tabs_of_both = (customer, agent)
    for tab in tabs_of_both:
        [idle] = await tab.wait_for("onParticipantIdle")
        assert (idle["Type"], idle["ContentType"], idle["ParticipantRole"]) == ("EVENT", IDLE, "CUSTOMER")
        assert (idle["ParticipantId"], idle["DisplayName"]) == (chat.customer["ParticipantId"], "Ada")
        assert (idle["InitialContactId"], idle["ContactId"]) == (chat.contact, chat.contact)
    await customer.send("I am here")
    for tab in tabs_of_both:
        [returned] = await tab.wait_for("onParticipantReturned")
        assert (returned["ContentType"], returned["ParticipantRole"]) == (RETURNED, "CUSTOMER")
        await tab.wait_for_message("I am here")

    await set_participant_timers(
        stack,
        chat.contact,
        TimerSetting(role=Role.CUSTOMER, kind=ParticipantTimer.IDLE, limit=None),
        TimerSetting(role=Role.CUSTOMER, kind=ParticipantTimer.DISCONNECT_NONCUSTOMER, limit=SOON),
    )
    for tab in tabs_of_both:
        [disconnection] = await tab.wait_for("onAutoDisconnection")
        assert disconnection["ContentType"] == AUTO_DISCONNECTED
        await tab.wait_for("onEnded")
        left = next(item for item in tab.items() if item["ContentType"] == LEFT)
        assert left["ParticipantId"] == chat.agent["ParticipantId"]
    transient = {IDLE, RETURNED, AUTO_DISCONNECTED}
    stored = backend.transcript(chat)
    assert not transient & {item["ContentType"] for item in stored}
    assert [item["Content"] for item in stored if item["Type"] == "MESSAGE"] == ["I am here"]
    assert backend.describe(chat)["DisconnectReason"] == "OTHER"
