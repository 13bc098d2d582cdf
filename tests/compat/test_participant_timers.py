"""UpdateParticipantRoleConfig through boto3: set and unset participant timers of running chats."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat.chat_client import expect_error
from tests.compat.chats import INSTANCE, Chat, join_as_agent, start_chat
from tests.stack import Stack

ROLES = ("CUSTOMER", "AGENT")
KINDS = ("IDLE", "DISCONNECT_NONCUSTOMER")
UNSET = {"ParticipantTimerAction": "Unset"}


def timer_configuration(*timers: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    entries = [{"ParticipantRole": role, "TimerType": kind, "TimerValue": value} for role, kind, value in timers]
    return {"ChannelConfiguration": {"Chat": {"ParticipantTimerConfigList": entries}}}


def minutes(number: int) -> dict[str, Any]:
    return {"ParticipantTimerDurationInMinutes": number}


def target(chat: Chat | str) -> dict[str, str]:
    return {"InstanceId": INSTANCE, "ContactId": chat if isinstance(chat, str) else chat.contact_id}


def test_all_timers_can_be_set_and_unset(connect: Any) -> None:
    chat = start_chat(connect)
    for value in (minutes(2), minutes(480), UNSET, UNSET):
        timers = [(role, kind, value) for role in ROLES for kind in KINDS]
        response = connect.update_participant_role_config(**target(chat), **timer_configuration(*timers))
        assert set(response) == {"ResponseMetadata"}


def test_timers_are_set_with_agent_and_after_transfer_but_not_on_ended_contact(
    stack: Stack, connect: Any, participant: Any
) -> None:
    chat = start_chat(connect)
    join_as_agent(stack, connect, participant, chat)
    idle = timer_configuration(("CUSTOMER", "IDLE", minutes(5)))
    connect.update_participant_role_config(**target(chat), **idle)
    second = connect.transfer_contact(**target(chat), ContactFlowId="live", UserId="a2")["ContactId"]
    connect.update_participant_role_config(**target(second), **idle)
    assert "has ended" in expect_error(
        "InvalidRequestException", connect.update_participant_role_config, **target(chat), **idle
    )


def test_duplicate_timer_is_refused(connect: Any) -> None:
    twice = timer_configuration(("AGENT", "IDLE", minutes(5)), ("CUSTOMER", "IDLE", UNSET), ("AGENT", "IDLE", UNSET))
    message = expect_error(
        "InvalidRequestException", connect.update_participant_role_config, **target(start_chat(connect)), **twice
    )
    assert "ParticipantTimerConfigList" in message


@pytest.mark.parametrize("by", ["backend", "customer"])
def test_timers_of_ended_chat_are_refused(connect: Any, participant: Any, by: str) -> None:
    chat = start_chat(connect)
    if by == "backend":
        connect.stop_contact(**target(chat))
    else:
        participant.disconnect_participant(ConnectionToken=chat.token)
    idle = timer_configuration(("CUSTOMER", "IDLE", minutes(5)))
    message = expect_error("InvalidRequestException", connect.update_participant_role_config, **target(chat), **idle)
    assert message.startswith("ContactId: ")


def test_timers_of_unknown_contact_are_not_found(connect: Any) -> None:
    idle = timer_configuration(("CUSTOMER", "IDLE", minutes(5)))
    for unknown in ({**target("nobody"), **idle}, {**target(start_chat(connect)), "InstanceId": "nowhere", **idle}):
        expect_error("ResourceNotFoundException", connect.update_participant_role_config, **unknown)
