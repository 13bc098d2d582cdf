"""Bots from outside: CreateParticipant with CUSTOM_BOT."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.compat.talks import Talk, describe, refused, start
from tests.stack import Stack


def join(stack: Stack, contact_id: str, **members: Any) -> Talk:
    details = {"ParticipantRole": "CUSTOM_BOT", "DisplayName": "Bee"}
    answer = stack.connect().create_participant(
        InstanceId="demo", ContactId=contact_id, ParticipantDetails=details, **members
    )
    token = answer["ParticipantCredentials"]["ParticipantToken"]
    return Talk(stack, {"ContactId": contact_id, "ParticipantToken": token, "ParticipantId": answer["ParticipantId"]})


def test_a_bot_talks_and_leaves(stack: Stack) -> None:
    talk = start(stack).say("hello")
    bot = join(stack, talk.id, ClientToken="bee").say("beep")
    assert join(stack, talk.id, ClientToken="bee").started["ParticipantId"] == bot.started["ParticipantId"]
    stack.participant().disconnect_participant(ConnectionToken=bot.token)
    items = [item for page in talk.pages() for item in page][::-1]
    assert [(item["ParticipantRole"], item.get("Content")) for item in items] == [
        ("CUSTOMER", None),
        ("CUSTOMER", "hello"),
        ("CUSTOM_BOT", None),
        ("CUSTOM_BOT", "beep"),
        ("CUSTOM_BOT", None),
    ]
    with pytest.raises(ClientError, match="AccessDenied"):
        bot.say("still here?")
    talk.say("it goes on")


def test_at_most_five(stack: Stack) -> None:
    talk = start(stack)
    for number in range(5):
        join(stack, talk.id, ClientToken=str(number))
    assert "at most 5" in refused("ServiceQuotaExceededException", join, stack=stack, contact_id=talk.id)


@pytest.mark.parametrize("role", ["AGENT", "CUSTOMER", "SYSTEM", "SUPERVISOR"])
def test_nobody_else_joins_this_way(stack: Stack, role: str) -> None:
    talk = start(stack)
    details = {"ParticipantRole": role, "DisplayName": "Eve"}
    ask = stack.connect().create_participant
    message = refused("InvalidRequestException", ask, InstanceId="demo", ContactId=talk.id, ParticipantDetails=details)
    assert "ParticipantRole" in message


def test_not_after_the_end(stack: Stack) -> None:
    talk = start(stack).end()
    assert "has ended" in refused("InvalidRequestException", join, stack=stack, contact_id=talk.id)
    assert "DisconnectTimestamp" in describe(stack, talk.id)
