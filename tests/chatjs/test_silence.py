"""Participant timers: that somebody is idle, back or has been let go, comes to both sides and is kept nowhere."""

from __future__ import annotations

from datetime import timedelta

from tests.chatjs.chats import Backend
from tests.chatjs.conftest import Tabs
from tests.chatjs.engine import configure
from tests.chatjs.wire import AUTO_DISCONNECTED, IDLE, LEFT, RETURNED
from tests.stack import Stack
from workflows.events import TimerSetting
from workflows.values import ParticipantTimer, Role

SOON = timedelta(seconds=1)
"""What the wire counts in minutes, two at least."""


async def test_both_sides_hear_of_it_and_no_transcript_keeps_it(tabs: Tabs, backend: Backend, stack: Stack) -> None:
    chat = backend.start()
    await configure(stack, chat.contact, TimerSetting(role=Role.CUSTOMER, kind=ParticipantTimer.IDLE, limit=SOON))
    customer, agent = await tabs.customer(chat), await tabs.agent(chat)
    both = (customer, agent)
    for tab in both:
        [idle] = await tab.seen("onParticipantIdle")
        assert (idle["Type"], idle["ContentType"], idle["ParticipantRole"]) == ("EVENT", IDLE, "CUSTOMER")
        assert (idle["ParticipantId"], idle["DisplayName"]) == (chat.customer["ParticipantId"], "Ada")
        assert (idle["InitialContactId"], idle["ContactId"]) == (chat.contact, chat.contact)
    await customer.say("I am here")
    for tab in both:
        [returned] = await tab.seen("onParticipantReturned")
        assert (returned["ContentType"], returned["ParticipantRole"]) == (RETURNED, "CUSTOMER")
        await tab.hears("I am here")

    await configure(
        stack,
        chat.contact,
        TimerSetting(role=Role.CUSTOMER, kind=ParticipantTimer.IDLE, limit=None),
        TimerSetting(role=Role.CUSTOMER, kind=ParticipantTimer.DISCONNECT_NONCUSTOMER, limit=SOON),
    )
    for tab in both:
        [gone] = await tab.seen("onAutoDisconnection")
        assert gone["ContentType"] == AUTO_DISCONNECTED
        await tab.seen("onEnded")
        left = next(item for item in tab.items() if item["ContentType"] == LEFT)
        assert left["ParticipantId"] == chat.agent["ParticipantId"]
    passing = {IDLE, RETURNED, AUTO_DISCONNECTED}
    kept = backend.transcript(chat)
    assert not passing & {item["ContentType"] for item in kept}
    assert [item["Content"] for item in kept if item["Type"] == "MESSAGE"] == ["I am here"]
    assert backend.described(chat)["DisconnectReason"] == "OTHER"
