"""Bearer tokens of the participant plane: only our own, of the right kind, for this chat, before expiry."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from datetime import timedelta

import jwt
import pytest

from api.tokens import TokenKind, Tokens
from tests.api.calls import PARTICIPANT_OPERATIONS, Api, assert_refused, token_for, valid_body
from tests.compat.chats import Chat

DENIED = (403, "AccessDeniedException")
HOUR = timedelta(hours=1)
OTHER_KEY = "k" * 64


def kind_for(operation: str) -> TokenKind:
    return TokenKind.PARTICIPANT if operation == "CreateParticipantConnection" else TokenKind.CONNECTION


def make_token(tokens: Tokens, operation: str, chat: Chat, life: timedelta | None = HOUR) -> str:
    return tokens.make(kind_for(operation), chat.participant_id, life, chat=chat.contact_id)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def without_algorithm(api: Api, operation: str, chat: Chat) -> str:
    valid = make_token(api.tokens(), operation, chat)
    header = {**jwt.get_unverified_header(valid), "alg": "none"}
    return f"{base64url(json.dumps(header).encode())}.{valid.split('.')[1]}."


def with_changed_claims(api: Api, operation: str, chat: Chat) -> str:
    head, body, signature = make_token(api.tokens(), operation, chat).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    return f"{head}.{base64url(json.dumps({**claims, 'exp': claims['exp'] + 1}).encode())}.{signature}"


def with_end(api: Api, operation: str, chat: Chat, end: object) -> str:
    """A token that is signed by us, with this `exp`."""
    claims = {"typ": kind_for(operation).value, "sub": chat.participant_id, "chat": chat.contact_id, "exp": end}
    valid = make_token(api.tokens(), operation, chat)
    # by hand: the library refuses to sign some of them
    to_sign = f"{valid.partition('.')[0]}.{base64url(json.dumps(claims).encode())}"
    signature = hmac.digest(api.tokens().keys[0].encode(), to_sign.encode(), "sha256")
    return f"{to_sign}.{base64url(signature)}"


def signed_with_other_key(api: Api, operation: str, chat: Chat) -> str:
    valid_header = jwt.get_unverified_header(make_token(api.tokens(), operation, chat))
    claims = {"typ": kind_for(operation).value, "sub": chat.participant_id, "chat": chat.contact_id}
    return jwt.encode(claims, OTHER_KEY, "HS256", headers={"kid": valid_header["kid"]})


INVALID_TOKENS: dict[str, Callable[[Api, str, Chat], str]] = {
    "nonsense": lambda api, operation, chat: "nonsense",
    "three parts": lambda api, operation, chat: "a.b.c",
    "two words": lambda api, operation, chat: "Bearer x",
    "10,000 characters": lambda api, operation, chat: "a" * 10_000,
    "deep header": lambda api, operation, chat: f"{base64url(b'[' * 4_000 + b']' * 4_000)}.e30.e30",
    "header that is not an object": lambda api, operation, chat: f"{base64url(b'[]')}.e30.e30",
    "huge number in the header": lambda api, operation, chat: f"{base64url(b'1' * 10_000)}.e30.e30",
    "key id that is not a string": lambda api, operation, chat: base64url(b'{"alg":"HS256","kid":[1]}') + ".e30.e30",
    "without end": lambda api, operation, chat: make_token(api.tokens(), operation, chat, None),
    **{
        f"end that is {end!r}": lambda api, operation, chat, end=end: with_end(api, operation, chat, end)
        for end in ("4102444800", "soon", 1e300, 2**62, -(2**62), True, None, [4102444800], 4102444800.5)
    },
    "expired": lambda api, operation, chat: make_token(api.tokens(), operation, chat, timedelta(seconds=-1)),
    "another key, its own id": lambda api, operation, chat: make_token(Tokens((OTHER_KEY,)), operation, chat),
    "another key, our id": signed_with_other_key,
    "no algorithm": without_algorithm,
    "changed claims": with_changed_claims,
    "no signature": lambda api, operation, chat: make_token(api.tokens(), operation, chat).rpartition(".")[0] + ".",
    "unknown participant": lambda api, operation, chat: api.tokens().make(
        kind_for(operation), "x", HOUR, chat=chat.contact_id
    ),
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


@pytest.mark.parametrize("what", INVALID_TOKENS)
@pytest.mark.parametrize("operation", PARTICIPANT_OPERATIONS)
def test_invalid_token_is_denied(api: Api, chat: Chat, operation: str, what: str) -> None:
    invalid_token = INVALID_TOKENS[what](api, operation, chat)
    assert_refused(api.send(operation, valid_body(operation, chat), token=invalid_token), *DENIED, "token")


@pytest.mark.parametrize("operation", PARTICIPANT_OPERATIONS)
def test_missing_token_is_denied(api: Api, chat: Chat, operation: str) -> None:
    body = valid_body(operation, chat)
    assert_refused(api.send(operation, body), *DENIED, "X-Amz-Bearer")
    by_authorization = {"authorization": f"Bearer {token_for(operation, chat)}"}
    assert_refused(api.send(operation, body, headers=by_authorization), *DENIED, "X-Amz-Bearer")


@pytest.mark.parametrize("operation", PARTICIPANT_OPERATIONS)
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
    chat = api.suitable_chat(operation, chat)
    response = api.send(operation, valid_body(operation, chat), chat=chat, headers={"authorization": header})
    assert response.status_code == 200, response.text


def test_valid_token_is_accepted(api: Api, chat: Chat) -> None:
    """Control for the tests above: an unmodified token is accepted, also one that is made by hand."""
    tomorrow = int(time.time()) + 86_400
    made = with_end(api, "SendMessage", chat, tomorrow)
    assert api.send("SendMessage", valid_body("SendMessage", chat), token=made).status_code == 200
    for operation in PARTICIPANT_OPERATIONS:
        chat = api.suitable_chat(operation, chat)
        token = make_token(api.tokens(), operation, chat)
        assert api.send(operation, valid_body(operation, chat), token=token).status_code == 200


@pytest.mark.parametrize("operation", ["CreateParticipantConnection", "SendMessage", "SendEvent"])
def test_operations_on_ended_chat_are_denied(api: Api, ended_chat: Chat, operation: str) -> None:
    assert_refused(
        api.send(operation, valid_body(operation, ended_chat), chat=ended_chat), *DENIED, "The chat has ended."
    )


def test_token_gives_access_to_its_own_chat_only(api: Api, chat: Chat) -> None:
    other = api.start(InitialMessage={"ContentType": "text/plain", "Content": "of the other"})
    page = api.send("GetTranscript", {"MaxResults": 100}, chat=chat).json()
    assert page["InitialContactId"] == chat.contact_id
    response = api.send("GetTranscript", {"ContactId": other.contact_id}, chat=chat)
    assert_refused(response, 400, "ValidationException", "ContactId")
