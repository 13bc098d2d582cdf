"""UpdateParticipantRoleConfig through boto3: participant timers are set and taken away, in chats that go on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat.chats import INSTANCE, Chat, agent_joins, start
from tests.compat.talks import refused
from tests.stack import Stack

BOTH = ("CUSTOMER", "AGENT")
KINDS = ("IDLE", "DISCONNECT_NONCUSTOMER")
UNSET = {"ParticipantTimerAction": "Unset"}


def configured(*timers: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    entries = [{"ParticipantRole": role, "TimerType": kind, "TimerValue": value} for role, kind, value in timers]
    return {"ChannelConfiguration": {"Chat": {"ParticipantTimerConfigList": entries}}}


def minutes(number: int) -> dict[str, Any]:
    return {"ParticipantTimerDurationInMinutes": number}


def of(chat: Chat | str) -> dict[str, str]:
    return {"InstanceId": INSTANCE, "ContactId": chat if isinstance(chat, str) else chat.contact_id}


def test_all_timers_are_set_and_taken_away_again(connect: Any) -> None:
    chat = start(connect)
    for value in (minutes(2), minutes(480), UNSET, UNSET):
        timers = [(role, kind, value) for role in BOTH for kind in KINDS]
        answer = connect.update_participant_role_config(**of(chat), **configured(*timers))
        assert set(answer) == {"ResponseMetadata"}


def test_while_an_agent_is_there_and_after_a_transfer(stack: Stack, connect: Any, participant: Any) -> None:
    chat = start(connect)
    agent_joins(stack, connect, participant, chat)
    idle = configured(("CUSTOMER", "IDLE", minutes(5)))
    connect.update_participant_role_config(**of(chat), **idle)
    leg = connect.transfer_contact(**of(chat), ContactFlowId="live", UserId="a2")["ContactId"]
    connect.update_participant_role_config(**of(leg), **idle)
    assert "has ended" in refused("InvalidRequestException", connect.update_participant_role_config, **of(chat), **idle)


def test_a_timer_named_twice(connect: Any) -> None:
    twice = configured(("AGENT", "IDLE", minutes(5)), ("CUSTOMER", "IDLE", UNSET), ("AGENT", "IDLE", UNSET))
    said = refused("InvalidRequestException", connect.update_participant_role_config, **of(start(connect)), **twice)
    assert "ParticipantTimerConfigList" in said


@pytest.mark.parametrize("by", ["backend", "customer"])
def test_a_chat_that_has_ended(connect: Any, participant: Any, by: str) -> None:
    chat = start(connect)
    if by == "backend":
        connect.stop_contact(**of(chat))
    else:
        participant.disconnect_participant(ConnectionToken=chat.token)
    idle = configured(("CUSTOMER", "IDLE", minutes(5)))
    said = refused("InvalidRequestException", connect.update_participant_role_config, **of(chat), **idle)
    assert said.startswith("ContactId: ")


def test_no_such_contact(connect: Any) -> None:
    idle = configured(("CUSTOMER", "IDLE", minutes(5)))
    for unknown in ({**of("nobody"), **idle}, {**of(start(connect)), "InstanceId": "nowhere", **idle}):
        refused("ResourceNotFoundException", connect.update_participant_role_config, **unknown)
