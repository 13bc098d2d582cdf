"""Agents sign in with tokens of their team's identity provider."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import jwt
import pytest
from websockets.sync.client import connect

from api.foreign_tokens import MAX_HEADER_LENGTH, MAX_LENGTH, NOT_VALID
from tests.api.agent.token_exchanges import DENIED, PATH, configuration, exchange, issuer
from tests.api.calls import Api, assert_refused, served
from tests.api.test_right_to_read import frames_until_closed
from tests.api.test_websocket import subscribe
from tests.api.token_issuer import AUDIENCE, ISSUER, PublishedKeys, claims, private_key, public_pem, published, signed
from tests.compat.chats import eventually
from tests.stack import SECRET

pytestmark = pytest.mark.slow

__all__ = ["issuer"]

HOURS_12 = 43_200
YEAR = 365 * 86_400


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, issuer: PublishedKeys) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("team"), configuration(issuer)) as api:
        yield api
        # whatever the tests have sent
        assert "eyJ" not in api.stack.log()


def desk(api: Api, response: httpx.Response, path: str = "/v1/agent") -> httpx.Response:
    token = response.raise_for_status().json()["token"]
    return api.http.get(path, headers={"authorization": f"Bearer {token}"})


@pytest.mark.parametrize("key", ["rsa", "ec"])
def test_token_of_the_provider_opens_the_desk(team: Api, key: str) -> None:
    response = exchange(team, signed(claims("a1"), key))
    body = response.raise_for_status().json()
    assert body == {"token": body["token"], "user": "a1", "name": "Agent One", "expires_in": body["expires_in"]}
    assert desk(team, response).json()["user"] == "a1"
    assert desk(team, response, "/v1/supervision/agents").status_code == 403


def test_supervisor_signs_in_the_same_way(team: Api) -> None:
    response = exchange(team, signed(claims("s1")))
    assert desk(team, response, "/v1/supervision/agents").status_code == 200


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["another", AUDIENCE]])
def test_token_may_be_for_others_too(team: Api, audience: Any) -> None:
    assert exchange(team, signed(claims(aud=audience))).is_success


@pytest.mark.parametrize(
    "headers", [{}, {"typ": "at+jwt"}, {"typ": "application/AT+JWT"}, {"typ": None}, {"x5t": "a" * 100}]
)
def test_usual_headers_are_accepted(team: Api, headers: dict[str, Any]) -> None:
    assert exchange(team, signed(claims(), **headers)).is_success


def test_other_claim_and_configured_keys(team: Api) -> None:
    body = claims("of no interest", iss=f"{ISSUER}/fixed", employee="a1")
    assert exchange(team, signed(body, "ec", kid="fixed"), "fixed").json()["name"] == "Agent of Fixed"
    assert_refused(exchange(team, signed(body, "ec", kid="ec"), "fixed"), *DENIED, NOT_VALID)
    # each instance has its own issuer
    assert_refused(exchange(team, signed(claims(employee="a1"), "ec", kid="fixed"), "fixed"), *DENIED, NOT_VALID)
    assert_refused(exchange(team, signed(body, "ec")), *DENIED, NOT_VALID)


@pytest.mark.parametrize("seconds", [60, 1_000, HOURS_12 - 100, HOURS_12 + 100, 30 * 86_400])
def test_agent_token_ends_with_the_providers_token_and_after_twelve_hours(team: Api, seconds: int) -> None:
    before = time.time()
    end = int(before) + seconds
    body = exchange(team, signed(claims(exp=end))).raise_for_status().json()
    ends = jwt.decode(body["token"], options={"verify_signature": False})["exp"]
    latest = min(end, int(time.time()) + HOURS_12)
    assert latest - (time.time() - before) - 1 <= ends <= latest
    assert body["expires_in"] <= ends - before + 1


def test_fraction_of_a_second_is_not_given_beyond_the_providers_token(team: Api) -> None:
    end = time.time() + 100.5
    body = exchange(team, signed(claims(exp=end))).raise_for_status().json()
    assert jwt.decode(body["token"], options={"verify_signature": False})["exp"] <= end


def base64url(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def by_hand(header: bytes, body: bytes, sign: Callable[[bytes], bytes]) -> str:
    content = f"{base64url(header)}.{base64url(body)}"
    return f"{content}.{base64url(sign(content.encode()))}"


def with_public_key_as_secret() -> str:
    """The old attack: the public key is known to all, and the token says that it is the secret of an HMAC."""
    header = json.dumps({"alg": "HS256", "typ": "JWT", "kid": "rsa"}).encode()
    return by_hand(
        header, json.dumps(claims()).encode(), lambda text: hmac.digest(public_pem("rsa").encode(), text, "sha256")
    )


def without_signature(algorithm: str) -> str:
    header = json.dumps({"alg": algorithm, "kid": "rsa"}).encode()
    return by_hand(header, json.dumps(claims()).encode(), lambda _: b"")


def with_other_claims() -> str:
    header, _, signature = signed(claims("a1")).split(".")
    return f"{header}.{base64url(json.dumps(claims('s1')).encode())}.{signature}"


def with_header(header: bytes) -> str:
    return by_hand(header, json.dumps(claims()).encode(), lambda _: b"x" * 256)


def signed_body(body: bytes) -> str:
    """A body that is no JSON object, truly signed."""
    return jwt.PyJWS().encode(body, private_key("rsa"), "RS256", headers={"kid": "rsa"})


def with_claim(name: str, value: Any) -> str:
    return signed_body(json.dumps({**claims(), name: value}).encode())


def in_a_year_and_more() -> int:
    return int(time.time()) + 2 * YEAR


REFUSED: dict[str, Callable[[], Any]] = {
    "another issuer": lambda: signed(claims(iss="https://evil.example.org")),
    "issuer with a slash": lambda: signed(claims(iss=f"{ISSUER}/")),
    "issuers": lambda: with_claim("iss", [ISSUER]),
    "no issuer": lambda: signed(claims(iss=...)),
    "another audience": lambda: signed(claims(aud="another application")),
    "other audiences": lambda: signed(claims(aud=["another", "application"])),
    "no audience": lambda: signed(claims(aud=...)),
    "expired": lambda: signed(claims(exp=int(time.time()) - 1)),
    "no end": lambda: signed(claims(exp=...)),
    **{
        f"end that is {end!r}": partial(with_claim, "exp", end)
        for end in (
            *(None, True, "4102444800", "soon", [4_102_444_800], {}, 1e300, 2**62, 10**400, -1, 0),
            *(float("nan"), float("inf"), -float("inf")),
        )
    },
    "end in years": lambda: signed(claims(exp=in_a_year_and_more())),
    "not valid yet": lambda: signed(claims(nbf=int(time.time()) + 120)),
    **{
        f"beginning that is {begin!r}": partial(with_claim, "nbf", begin)
        for begin in (None, "0", [], float("nan"), 10**400)
    },
    "HMAC with the public key": with_public_key_as_secret,
    **{
        f"algorithm {name}": lambda name=name: without_signature(name) for name in ("none", "None", "NONE", "RS256", "")
    },
    "another algorithm with the same key": lambda: signed(claims(), algorithm="RS512"),
    "PSS with the same key": lambda: signed(claims(), algorithm="PS256"),
    "another kind of key under this kid": lambda: signed(claims(), "ec", kid="rsa"),
    "another key": lambda: signed(claims(), "another rsa", kid="rsa"),
    "another key that it brings itself": lambda: signed(
        claims(), "another rsa", kid="rsa", jwk=published("another rsa", "rsa")
    ),
    "other claims": with_other_claims,
    "unknown kid": lambda: signed(claims(), kid="unknown"),
    "kid of another instance": lambda: signed(claims(), "ec", kid="fixed"),
    "kid that is a path": lambda: signed(claims(), kid="../../keys"),
    "empty kid": lambda: signed(claims(), kid=""),
    "no kid": lambda: signed(claims(), kid=...),
    "kid that is a list": lambda: with_header(b'{"alg":"RS256","kid":["rsa"]}'),
    "key for encryption": lambda: signed(claims(), "another rsa", kid="for encryption"),
    "key for RS512": lambda: signed(claims(), "another rsa", kid="for RS512"),
    "key for RS512, with it": lambda: signed(claims(), "another rsa", kid="for RS512", algorithm="RS512"),
    "weak key": lambda: signed(claims(), "weak rsa", kid="weak"),
    "another curve": lambda: signed(claims(), "other curve", kid="other curve"),
    "logout token": lambda: signed(claims(), typ="logout+jwt"),
    "typ that is a list": lambda: with_header(b'{"alg":"RS256","kid":"rsa","typ":["JWT"]}'),
    "extension that must be known": lambda: signed(claims(), crit=["exp"]),
    "detached body": lambda: with_header(b'{"alg":"RS256","kid":"rsa","b64":false,"crit":["b64"]}'),
    "body that is a list": lambda: signed_body(b"[]"),
    "body that is no JSON": lambda: signed_body(b"\xff"),
    "deep body": lambda: signed_body(b"[" * 5_000),
    "subject that is a number": lambda: with_claim("sub", 1),
    "long": lambda: "a" * (MAX_LENGTH + 1),
    "long but signed": lambda: signed(claims(groups="g" * MAX_LENGTH)),
    "half a megabyte": lambda: "a." * 250_000,
    "long header": lambda: signed(claims(), x5c="c" * MAX_HEADER_LENGTH),
    "deep header": lambda: with_header(b"[" * 1_400),
    "deep header with a key": lambda: with_header(b'{"alg":"RS256","kid":"rsa","x":' + b"[" * 1_400),
    "header that is a list": lambda: with_header(b"[]"),
    "huge number in the header": lambda: with_header(b"1" * 1_400),
    "nonsense": lambda: "nonsense",
    "empty": lambda: "",
    "three dots": lambda: "...",
    "not ASCII": lambda: "é.é.é",
    "our own token": lambda: jwt.encode(
        {"typ": "agent", "sub": "a1", "exp": in_a_year_and_more()}, SECRET * 2, "HS256"
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_token_that_is_not_valid_is_refused_with_one_sentence(team: Api, what: str) -> None:
    refused = exchange(team, REFUSED[what]())
    assert_refused(refused, *DENIED)
    assert refused.json()["Message"] == NOT_VALID


def test_long_token_is_accepted(team: Api) -> None:
    """Control for the lengths above: tokens list the groups of an agent, and headers name certificates."""
    assert exchange(team, signed(claims(groups=["g" * 36] * 150), x5t="c" * 1_000)).is_success


@pytest.mark.parametrize("instance", ["closed", "nowhere"])
def test_instance_without_a_provider_looks_like_a_wrong_token(team: Api, instance: str) -> None:
    refused = exchange(team, signed(claims()), instance)
    assert_refused(refused, *DENIED)
    assert refused.json()["Message"] == NOT_VALID


@pytest.mark.parametrize("user", ["nobody", "A1", "a1 ", "Agent One", "", "a1\x00", "a" * 5_000])
def test_agent_who_is_not_configured_is_refused(team: Api, user: str) -> None:
    assert_refused(exchange(team, signed(claims(user))), *DENIED, "The claim 'sub' of the token names no agent")


@pytest.mark.parametrize("value", [..., None, 1, True, ["a1"], {"a1": "a1"}])
def test_claim_that_is_no_name_is_refused(team: Api, value: Any) -> None:
    body = claims("x", iss=f"{ISSUER}/fixed", employee=value)
    assert_refused(exchange(team, signed(body, "ec", kid="fixed"), "fixed"), *DENIED, "The claim 'employee'")


@pytest.mark.parametrize(
    ("body", "mention"),
    [
        ({"instance": "demo"}, "token"),
        ({"token": "x"}, "instance"),
        ({"instance": "demo", "token": ["x"]}, "token"),
        ({"instance": "demo", "token": "x", "user": "a1"}, "user"),
    ],
)
def test_malformed_exchange_is_refused(team: Api, body: Any, mention: str) -> None:
    assert_refused(team.http.post(PATH, json=body), 400, "InvalidRequestException", mention)


def test_address_within_a_token_is_not_asked_for_keys(team: Api, issuer: PublishedKeys) -> None:
    elsewhere = f"{issuer.url}/of-the-attacker"
    for headers in ({"jku": elsewhere}, {"x5u": elsewhere}, {"jku": elsewhere, "kid": "unknown"}):
        assert_refused(exchange(team, signed(claims(), "another rsa", **headers)), *DENIED)
    assert set(issuer.requests) == {"/keys"}


def test_invented_kids_do_not_ask_the_provider(team: Api, issuer: PublishedKeys) -> None:
    exchange(team, signed(claims())).raise_for_status()
    before, began = len(issuer.requests), time.monotonic()
    for number in range(100):
        assert_refused(exchange(team, signed(claims(), kid=f"invented {number}")), *DENIED)
    assert len(issuer.requests) - before <= 1 + (time.monotonic() - began) / 5


def test_new_key_works_without_a_restart(team: Api, issuer: PublishedKeys) -> None:
    exchange(team, signed(claims())).raise_for_status()
    token = signed(claims(), "next ec")
    assert_refused(exchange(team, token), *DENIED)
    issuer.keys["next ec"] = published("next ec", "next ec")
    eventually(lambda: exchange(team, token).is_success, "the new key")
    assert exchange(team, signed(claims())).is_success


def test_agent_token_ends_with_the_agents_identity(team: Api) -> None:
    key = {"authorization": f"Bearer {SECRET}"}
    path = "/v1/instances/demo/agents/leaving"
    team.http.put(path, headers=key, json={"name": "Leaving"}).raise_for_status()
    token = signed(claims("leaving"))
    eventually(lambda: exchange(team, token).is_success, "the new agent")
    first = exchange(team, token)
    assert desk(team, first).status_code == 200
    team.http.delete(path, headers=key).raise_for_status()
    assert_refused(desk(team, first), *DENIED)
    assert_refused(exchange(team, token), *DENIED, "no agent")
    team.http.put(path, headers=key, json={"name": "Somebody else"}).raise_for_status()
    again = exchange(team, token)
    assert again.json()["name"] == "Somebody else"
    assert desk(team, again).status_code == 200
    assert_refused(desk(team, first), *DENIED)


def test_exchange_is_in_the_audit_log(team: Api) -> None:
    exchange(team, signed(claims("a2"))).raise_for_status()
    exchange(team, signed(claims("nobody")))
    log = team.http.get("/v1/instances/demo/audit", headers={"authorization": f"Bearer {SECRET}"}).json()
    latest = log["entries"][0]
    assert (latest["actor"], latest["action"], latest["target"]) == ("agent:a2", "exchange_token", "agents/a2")


def test_agent_does_nothing_in_chats_after_the_end_of_the_agent_token(team: Api) -> None:
    chat, end = team.start("live"), int(time.time()) + 6
    signed_in = exchange(team, signed(claims(exp=end))).raise_for_status().json()
    team.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat).raise_for_status()
    headers = {"authorization": f"Bearer {signed_in['token']}"}
    joined = team.http.post(f"/v1/agent/contacts/{chat.contact_id}/session", headers=headers).raise_for_status().json()
    body = {"Type": ["WEBSOCKET", "CONNECTION_CREDENTIALS"]}
    made = team.send("CreateParticipantConnection", body, token=joined["ParticipantToken"]).raise_for_status().json()
    connection = made["ConnectionCredentials"]["ConnectionToken"]
    for token in (joined["ParticipantToken"], connection):
        assert jwt.decode(token, options={"verify_signature": False})["exp"] <= end
    with connect(made["Websocket"]["Url"]) as socket:
        subscribe(socket)
        frames_until_closed(socket)
    assert time.time() >= end - 1
    assert_refused(team.send("GetTranscript", {}, token=connection), *DENIED, "expired")
