"""The bearer of the participant plane: only one of ours, of the right kind, for this chat, in its time."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta

import jwt
import pytest

from api.tokens import TokenKind, Tokens
from tests.api.calls import PARTICIPANT, Api, assert_refused, own_token, valid
from tests.compat.chats import Chat

DENIED = (403, "AccessDeniedException")
HOUR = timedelta(hours=1)
OTHER_KEY = "k" * 64


def kind_for(operation: str) -> TokenKind:
    return TokenKind.PARTICIPANT if operation == "CreateParticipantConnection" else TokenKind.CONNECTION


def minted(tokens: Tokens, operation: str, chat: Chat, life: timedelta | None = HOUR) -> str:
    return tokens.make(kind_for(operation), chat.participant_id, life, chat=chat.contact_id)


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def without_algorithm(api: Api, operation: str, chat: Chat) -> str:
    good = minted(api.tokens(), operation, chat)
    header = {**jwt.get_unverified_header(good), "alg": "none"}
    return f"{part(json.dumps(header).encode())}.{good.split('.')[1]}."


def other_body(api: Api, operation: str, chat: Chat) -> str:
    head, body, signature = minted(api.tokens(), operation, chat).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    return f"{head}.{part(json.dumps({**claims, 'exp': claims['exp'] + 1}).encode())}.{signature}"


def signed_elsewhere(api: Api, operation: str, chat: Chat) -> str:
    ours = jwt.get_unverified_header(minted(api.tokens(), operation, chat))
    claims = {"typ": kind_for(operation).value, "sub": chat.participant_id, "chat": chat.contact_id}
    return jwt.encode(claims, OTHER_KEY, "HS256", headers={"kid": ours["kid"]})


BAD: dict[str, Callable[[Api, str, Chat], str]] = {
    "nonsense": lambda api, operation, chat: "nonsense",
    "three parts": lambda api, operation, chat: "a.b.c",
    "two words": lambda api, operation, chat: "Bearer x",
    "100,000 characters": lambda api, operation, chat: "a" * 100_000,
    "deep header": lambda api, operation, chat: f"{part(b'[' * 10_000 + b']' * 10_000)}.e30.e30",
    "header that is no object": lambda api, operation, chat: f"{part(b'[]')}.e30.e30",
    "huge number in the header": lambda api, operation, chat: f"{part(b'1' * 10_000)}.e30.e30",
    "key id that is no text": lambda api, operation, chat: part(b'{"alg":"HS256","kid":[1]}') + ".e30.e30",
    "expired": lambda api, operation, chat: minted(api.tokens(), operation, chat, timedelta(seconds=-1)),
    "another key, its own id": lambda api, operation, chat: minted(Tokens((OTHER_KEY,)), operation, chat),
    "another key, our id": signed_elsewhere,
    "no algorithm": without_algorithm,
    "changed claims": other_body,
    "no signature": lambda api, operation, chat: minted(api.tokens(), operation, chat).rpartition(".")[0] + ".",
    "nobody": lambda api, operation, chat: api.tokens().make(kind_for(operation), "x", HOUR, chat=chat.contact_id),
    "no chat": lambda api, operation, chat: api.tokens().make(kind_for(operation), chat.participant_id, HOUR),
    "another chat": lambda api, operation, chat: api.tokens().make(
        kind_for(operation), chat.participant_id, HOUR, chat=api.start().contact_id
    ),
    **{
        f"{kind} token": lambda api, operation, chat, kind=kind: (
            "-"
            if kind is kind_for(operation)
            else api.tokens().make(kind, chat.participant_id, HOUR, chat=chat.contact_id, instance="demo")
        )
        for kind in TokenKind
    },
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("operation", PARTICIPANT)
def test_bad_token(api: Api, chat: Chat, operation: str, what: str) -> None:
    bad = BAD[what](api, operation, chat)
    assert_refused(api.send(operation, valid(operation, chat), token=bad), *DENIED, "token")


@pytest.mark.parametrize("operation", PARTICIPANT)
def test_no_token(api: Api, chat: Chat, operation: str) -> None:
    body = valid(operation, chat)
    assert_refused(api.send(operation, body), *DENIED, "X-Amz-Bearer")
    by_authorization = {"authorization": f"Bearer {own_token(operation, chat)}"}
    assert_refused(api.send(operation, body, headers=by_authorization), *DENIED, "X-Amz-Bearer")


@pytest.mark.parametrize("operation", PARTICIPANT)
@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer not-a-key",
        "Basic eDp5",
        "AWS4-HMAC-SHA256 Credential=/20260131/local/execute-api/aws4_request, SignedHeaders=host, Signature=0",
    ],
)
def test_authorization_header_is_ignored(api: Api, chat: Chat, operation: str, header: str) -> None:
    chat = api.chat_for(operation, chat)
    response = api.send(operation, valid(operation, chat), chat=chat, headers={"authorization": header})
    assert response.status_code == 200, response.text


def test_token_of_the_products_own_making_is_good(api: Api, chat: Chat) -> None:
    """What the refusals above are worth: the same token, unspoilt, is taken."""
    for operation in PARTICIPANT:
        chat = api.chat_for(operation, chat)
        token = minted(api.tokens(), operation, chat)
        assert api.send(operation, valid(operation, chat), token=token).status_code == 200


@pytest.mark.parametrize("operation", ["CreateParticipantConnection", "SendMessage", "SendEvent"])
def test_ended_chat(api: Api, ended: Chat, operation: str) -> None:
    assert_refused(api.send(operation, valid(operation, ended), chat=ended), *DENIED, "The chat has ended.")


def test_operation_of_one_chat_does_not_reach_another(api: Api, chat: Chat) -> None:
    other = api.start(InitialMessage={"ContentType": "text/plain", "Content": "of the other"})
    mine = api.send("GetTranscript", {"MaxResults": 100}, chat=chat).json()
    assert mine["InitialContactId"] == chat.contact_id
    response = api.send("GetTranscript", {"ContactId": other.contact_id}, chat=chat)
    assert_refused(response, 400, "ValidationException", "ContactId")
