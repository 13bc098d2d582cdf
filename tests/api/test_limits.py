"""The limits of what clients may do, as they are by default, and the errors beyond them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.requests import HTTPConnection
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from api.request_limits import CONTROL_RATES, PARTICIPANT_RATES, address_of
from tests.api.calls import PARTICIPANT_OPERATIONS, ROUTES, Api, assert_refused, served, valid_body
from tests.compat.chats import eventually
from tests.stack import SECRET

pytestmark = pytest.mark.slow

DEFAULTS = "{}"
"""`PERENNIAL_LIMITS` with nothing in it; the tests' own has no limits."""

CONFIGURATION = f"""
    [access_keys.perennial]
    secret = "{SECRET}"
    [access_keys.other]
    secret = "the secret of another key"
    [instances.demo.workstreams.persistent]
    mode = "persistent"
    queue = "queue"
    [instances.demo.agents.a1]
    name = "Agent One"
    [instances.small.workstreams.persistent]
    mode = "persistent"
    queue = "queue"
    [instances.small.limits]
    open_chats = 2
    """
MANY = 40
"""More requests at once than any burst."""


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A Perennial with the limits that it has by default, except for starts."""
    limits = '{"starts": "off", "failed_authentications": 20}'
    with served(tmp_path_factory.mktemp("limited"), CONFIGURATION, PERENNIAL_LIMITS=limits) as api:
        yield api


def refused(answers: list[httpx.Response]) -> list[httpx.Response]:
    found = [answer for answer in answers if answer.status_code == 429]
    for answer in found:
        assert_refused(answer, 429, "ThrottlingException", "too many requests")
        assert int(answer.headers["retry-after"]) >= 1
    return found


@pytest.mark.parametrize(
    ("operation", "burst"),
    [
        ("SendMessage", 15),
        ("SendEvent", 15),
        ("GetTranscript", 12),
        ("CreateParticipantConnection", 9),
        ("DisconnectParticipant", 5),
    ],
)
def test_participant_who_calls_too_fast_is_throttled_and_others_are_not(
    limited: Api, operation: str, burst: int
) -> None:
    fast, other = limited.start(), limited.start()
    answers = [limited.send(operation, valid_body(operation, fast), chat=fast) for _ in range(MANY)]
    allowed = [answer for answer in answers if answer.status_code != 429]
    assert refused(answers)
    assert all(answer.is_success for answer in allowed), [answer.text for answer in allowed]
    assert len(allowed) >= burst
    assert limited.send(operation, valid_body(operation, other), chat=other).is_success
    eventually(lambda: limited.send(operation, valid_body(operation, fast), chat=fast).is_success, "the next call")


def test_messages_and_events_share_a_rate(limited: Api) -> None:
    chat, began = limited.start(), monotonic()
    answers = [
        limited.send(operation, valid_body(operation, chat), chat=chat)
        for _ in range(MANY)
        for operation in ("SendMessage", "SendEvent")
    ]
    assert refused(answers)
    assert sum(answer.is_success for answer in answers) <= 15 + 10 * (monotonic() - began)


def test_throttled_message_is_not_recorded(limited: Api) -> None:
    chat = limited.start()
    answers = [limited.send("SendMessage", valid_body("SendMessage", chat), chat=chat) for _ in range(MANY)]
    accepted = {answer.json()["Id"] for answer in answers if answer.is_success}

    def recorded() -> set[str]:
        page = limited.send("GetTranscript", {"MaxResults": 100}, chat=chat).json()
        return {item["Id"] for item in page.get("Transcript", ()) if item["Type"] == "MESSAGE"}

    eventually(lambda: recorded() >= accepted, "all accepted messages")
    assert recorded() == accepted
    assert len(accepted) < MANY


@pytest.mark.parametrize(
    "operation", ["StopContact", "GetContactAttributes", "SearchContacts", "SignIn", "PutUserStatus"]
)
def test_backend_that_calls_too_fast_is_throttled_and_other_keys_are_not(limited: Api, operation: str) -> None:
    chat = limited.start()
    body = None if ROUTES[operation][0] == "GET" else valid_body(operation, chat)
    answers = [limited.send(operation, body, chat=chat) for _ in range(MANY)]
    assert refused(answers)
    assert answers[0].is_success
    assert limited.send(operation, body, chat=chat, token="the secret of another key").is_success


def test_agent_who_calls_too_fast_is_throttled(limited: Api) -> None:
    token = agent_token(limited)
    answers = [
        limited.http.get("/v1/agent/contacts", headers={"authorization": f"Bearer {token}"}) for _ in range(MANY)
    ]
    assert refused(answers)
    assert answers[0].is_success


def test_starts_are_throttled_by_key(tmp_path: Path) -> None:
    with served(tmp_path, CONFIGURATION, PERENNIAL_LIMITS=DEFAULTS) as api:
        body = valid_body("StartChatContact", api.start())
        answers = [api.send("StartChatContact", body | {"ClientToken": str(uuid4())}) for _ in range(MANY)]
        assert refused(answers)
        assert sum(answer.is_success for answer in answers) >= 7
        assert api.send("StartChatContact", body, token="the secret of another key").is_success


def test_instance_has_a_limited_number_of_open_chats(limited: Api) -> None:
    chats = [limited.start(InstanceId="small") for _ in range(2)]
    one_more = valid_body("StartChatContact", chats[0]) | {"InstanceId": "small"}
    answer = limited.send("StartChatContact", one_more)
    assert_refused(answer, 429, "LimitExceededException", "instance 'small' has 2 open chats")
    assert answer.headers["retry-after"]
    assert limited.start()
    limited.send("StopContact", {"InstanceId": "small", "ContactId": chats[0].contact_id}).raise_for_status()
    eventually(lambda: limited.send("StartChatContact", one_more).is_success, "room for one more chat")
    repeated = limited.send("StartChatContact", one_more)
    assert repeated.is_success, "a repeat of a start that was accepted is no new chat"


def test_guesses_of_keys_are_refused_after_some(tmp_path: Path) -> None:
    limits = '{"failed_authentications": 20}'
    with served(tmp_path, CONFIGURATION, PERENNIAL_LIMITS=limits) as api:
        chat = api.start()
        ended = api.start()
        body = {"InstanceId": "demo", "ContactId": ended.contact_id}
        answers = [api.send("StopContact", body, token=f"a guess of a secret {number}") for number in range(MANY)]
        assert [answer.status_code for answer in answers] == [403] * 20 + [429] * (MANY - 20)
        assert 55 <= int(answers[-1].headers["retry-after"]) <= 60
        assert_refused(answers[-1], 429, "ThrottlingException", "wrong credentials")
        # the right key of this address has to wait, too; that of another one has not
        elsewhere = {"x-forwarded-for": "203.0.113.7"}
        assert api.send("StopContact", body).status_code == 429
        assert api.send("StopContact", body, headers=elsewhere).is_success
        # tokens cannot be guessed: a valid one is good from everywhere
        assert api.send("SendMessage", valid_body("SendMessage", chat), chat=chat).is_success
        assert_refused(api.send("SendMessage", {}, token="a guess"), 429, "ThrottlingException", "wrong credentials")
        assert api.send("SendMessage", {}, token="a guess", headers=elsewhere).status_code == 403


def test_guesses_of_tokens_are_counted_for_the_address_that_the_proxy_names(limited: Api) -> None:
    here, there = ({"x-forwarded-for": address} for address in ("2001:db8::1", "2001:db8::2:1"))
    statuses = [
        limited.send("SendMessage", {}, token=f"guess {number}", headers=(here, there)[number % 2]).status_code
        for number in range(MANY)
    ]
    assert statuses == [403] * 20 + [429] * (MANY - 20), "both addresses are of one network"


def test_sockets_of_a_participant_count_from_the_handshake_on(limited: Api) -> None:
    chat = limited.start()
    with ExitStack() as stack:
        *urls, one_more = [eventually(lambda: new_socket_url(limited, chat), "a socket URL") for _ in range(11)]
        for url in urls:
            stack.enter_context(connect(url))
        with pytest.raises(InvalidStatus) as error, connect(one_more):
            pass
        assert error.value.response.status_code == 429
        answer = limited.send("CreateParticipantConnection", {"Type": ["WEBSOCKET"]}, chat=chat)
        assert_refused(answer, 429, "ThrottlingException", "open WebSockets; at most")
    eventually(
        lambda: limited.send("CreateParticipantConnection", {"Type": ["WEBSOCKET"]}, chat=chat).is_success, "room"
    )


def test_sockets_of_an_agent_are_limited(limited: Api) -> None:
    url = f"{limited.stack.url.replace('http', 'ws')}/v1/agent/socket"
    headers = {"authorization": f"Bearer {agent_token(limited)}"}
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(connect(url, additional_headers=headers))
        with pytest.raises(InvalidStatus) as error, connect(url, additional_headers=headers):
            pass
        assert error.value.response.status_code == 429


def test_sockets_of_a_process_are_limited(tmp_path: Path) -> None:
    with served(tmp_path, CONFIGURATION, PERENNIAL_LIMITS='{"sockets": 3}') as api, ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connect(socket_url(api, api.start())))
        with pytest.raises(InvalidStatus) as error, connect(socket_url(api, api.start())):
            pass
        assert error.value.response.status_code == 503


def test_throttled_requests_are_counted(limited: Api) -> None:
    chat = limited.start()
    for _ in range(MANY):
        limited.send("DisconnectParticipant", {}, chat=chat)
    line = next(line for line in limited.http.get("/metrics").text.splitlines() if 'limit="disconnects"' in line)
    assert float(line.split()[-1]) >= 1


def test_each_rate_is_that_of_an_operation() -> None:
    paths = {ROUTES[name] for name in ROUTES}
    assert set(CONTROL_RATES) <= paths
    assert set(PARTICIPANT_RATES) == {*(ROUTES[name][1] for name in PARTICIPANT_OPERATIONS), "/participant/file"}


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("203.0.113.7", 1), "203.0.113.7"),
        (("::ffff:203.0.113.7", 1), "203.0.113.7"),
        (("2001:db8:0:1:2:3:4:5", 1), "2001:db8:0:1::/64"),
        (("unix", 0), "unix"),
        (None, ""),
    ],
)
def test_address_of_a_client(client: Any, address: str) -> None:
    assert address_of(HTTPConnection({"type": "http", "client": client})) == address


def socket_url(api: Api, chat: Any) -> str:
    url = new_socket_url(api, chat)
    assert url
    return url


def new_socket_url(api: Api, chat: Any) -> str | None:
    """A socket URL, which is good once; None while the participant is too fast."""
    answer = api.send("CreateParticipantConnection", {"Type": ["WEBSOCKET"]}, chat=chat)
    return str(answer.json()["Websocket"]["Url"]) if answer.is_success else None


def agent_token(api: Api) -> str:
    """A token of agent a1, signed in with the other key: some tests use up the rate of the first one."""
    answer = api.send("SignIn", {"instance": "demo", "user": "a1"}, token="the secret of another key")
    return str(answer.raise_for_status().json()["token"])
