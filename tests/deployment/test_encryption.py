"""What Temporal's database holds of a chat: nothing that can be read, once there are encryption keys."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from runtime.devserver import temporal_binary
from runtime.encryption import ENCODING, data_converter
from tests.compat.chats import Chat, eventually, join_as_agent, read_transcript, send_message, wait_for_transcript
from tests.compat.chats import start_chat as start
from tests.replay.test_replay_command import command
from tests.stack import SECRET, Stack
from workflows.replay_plugin import ReplayHistories

FIRST_KEY, SECOND_KEY = "the first key of the encryption, long enough", "the second key of the encryption, long enough"
TOKEN = "the token of the codec, which is long enough"
UI = "http://temporal.example.org:8233"
KINDS = ("name", "customer", "attribute", "segment", "initial", "question", "reply", "answer", "operator")
"""What is personal in a chat. Each has a text of its own in the tests."""


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running Perennial with a key."""
    stack = Stack(tmp_path_factory.mktemp("encrypted"))
    use_keys(stack, FIRST_KEY)
    stack.start()
    yield stack
    assert stack.stop() == 0


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "data")
    yield stack
    if stack.process and stack.process.poll() is None:
        assert stack.stop() == 0


def use_keys(stack: Stack, *keys: str) -> None:
    """Encrypt with these keys from the next start on."""
    settings = {"ENCRYPTION_KEYS": keys, "CODEC_TOKENS": [TOKEN], "CODEC_ORIGINS": [UI]}
    stack.environment |= {f"PERENNIAL_{name}": json.dumps(value) for name, value in settings.items()}


def mark(kind: str, chat: str) -> str:
    """The text of a kind in a chat."""
    return f"{kind}-of-{chat}-bees"


def begin(stack: Stack, name: str) -> tuple[Chat, Chat]:
    """Start a chat and connect an agent. Returns what the customer and the agent have."""
    connect, participant = stack.connect(), stack.participant()
    customer = start(
        connect,
        "persistent-survey",
        ParticipantDetails={"DisplayName": mark("name", name)},
        CustomerId=mark("customer", name),
        Attributes={"topic": mark("attribute", name)},
        SegmentAttributes={"topic": {"ValueString": mark("segment", name)}},
        InitialMessage={"ContentType": "text/plain", "Content": mark("initial", name)},
    )
    agent = join_as_agent(stack, connect, participant, customer)
    return customer, agent


def talk(stack: Stack, customer: Chat, agent: Chat, name: str) -> None:
    """Send messages of the customer, of the agent and of an operator."""
    send_message(stack.participant(), customer, mark("question", name))
    reply = send_message(stack.participant(), agent, mark("reply", name))
    wait_for_transcript(stack.participant(), customer, item=reply)


def signal(stack: Stack, chat: Chat, content: str) -> None:
    """Send a message as an operator, through the codec."""
    body = ("--name", "message", "--input", json.dumps({"content": content}))
    codec = ("--codec-endpoint", f"{stack.url}/codec", "--codec-auth", f"Bearer {TOKEN}")
    temporal(stack, "signal", "-w", chat.contact_id, *body, *codec)
    eventually(lambda: content in texts(stack, chat), "message of the operator")


def finish(stack: Stack, customer: Chat, name: str) -> None:
    """End the chat as the agent, answer the survey, and close the wrap-up."""
    signed_in = {"instance": "demo", "user": "a1"}
    answer = httpx.post(f"{stack.url}/v1/agents/sign-in", json=signed_in, headers=bearer(SECRET)).raise_for_status()
    agent, contact = bearer(answer.json()["token"]), f"{stack.url}/v1/agent/contacts/{customer.contact_id}"
    httpx.post(f"{contact}/end", headers=agent).raise_for_status()
    send_message(stack.participant(), customer, "Good")
    send_message(stack.participant(), customer, mark("answer", name))
    wait_for_transcript(stack.participant(), customer, event="chat.ended")
    httpx.post(f"{contact}/close", headers=agent).raise_for_status()
    describe = ("describe", "-w", customer.contact_id, "--output", "json")
    eventually(lambda: "EXECUTION_STATUS_COMPLETED" in temporal(stack, *describe), "end of the workflow")


def texts(stack: Stack, chat: Chat) -> list[str]:
    """The messages of a chat."""
    return [item.get("Content", "") for item in read_transcript(stack.participant(), chat)]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def temporal(stack: Stack, *arguments: str) -> str:
    """Run `temporal workflow`, and return what it prints."""
    called = [temporal_binary(), "workflow", *arguments, "--address", stack.temporal]
    return subprocess.run(called, capture_output=True, text=True, check=True, timeout=60).stdout


def found_in_database(stack: Stack, name: str) -> set[str]:
    """The kinds whose texts Temporal's database files hold, as they are or in base64."""
    files = b"".join(path.read_bytes() for path in sorted(stack.folder.glob("temporal.db*")))
    assert len(files) > 100_000
    return {kind for kind in KINDS if any(form in files for form in forms(mark(kind, name)))}


def forms(text: str) -> list[bytes]:
    """A text and, for each place in which it can begin, the middle of its base64."""
    shifted = [base64.b64encode(bytes(shift) + text.encode())[4:-4] for shift in range(3)]
    return [text.encode(), *shifted]


@pytest.mark.timeout(240)
def test_nothing_readable_is_in_the_database_of_temporal(own_stack: Stack, tmp_path: Path) -> None:
    own_stack.start()
    customer, agent = begin(own_stack, "plain")
    talk(own_stack, customer, agent, "plain")
    waiting, waiting_agent = begin(own_stack, "rolling")
    assert own_stack.stop() == 0
    # the control: without keys the search finds all that was said until now
    assert found_in_database(own_stack, "plain") == set(KINDS) - {"answer", "operator"}

    use_keys(own_stack, FIRST_KEY)
    own_stack.start()
    secret, secret_agent = begin(own_stack, "secret")
    talk(own_stack, secret, secret_agent, "secret")
    signal(own_stack, secret, mark("operator", "secret"))
    talk(own_stack, waiting, waiting_agent, "rolling")  # a history that began without encryption goes on
    assert own_stack.stop() == 0
    assert found_in_database(own_stack, "rolling") == {"name", "customer", "attribute", "segment", "initial"}

    use_keys(own_stack, SECOND_KEY, FIRST_KEY)
    own_stack.start()
    finish(own_stack, secret, "secret")
    assert texts(own_stack, secret)[:1] == [mark("initial", "secret")]
    finish(own_stack, customer, "plain")
    exported = tmp_path / "secret.json"
    exported.write_text(temporal(own_stack, "show", "-w", secret.contact_id, "--output", "json"))
    assert own_stack.stop() == 0
    assert found_in_database(own_stack, "secret") == set()

    keys = {"PERENNIAL_ENCRYPTION_KEYS": json.dumps([FIRST_KEY, SECOND_KEY])}
    assert command(exported, environment=keys).returncode == 0
    without = command(exported)
    assert (without.returncode, "its payloads are encrypted" in without.stdout) == (1, True)
    other = command(exported, environment={"PERENNIAL_ENCRYPTION_KEYS": json.dumps([SECOND_KEY])})
    assert (other.returncode, "its payloads cannot be decrypted" in other.stdout) == (1, True)


def test_all_payloads_of_a_history_are_encrypted_and_replay(
    encrypted: Stack, tmp_path: Path, replay_histories: ReplayHistories
) -> None:
    customer, agent = begin(encrypted, "secret")
    talk(encrypted, customer, agent, "secret")
    exported = tmp_path / "secret.json"
    exported.write_text(temporal(encrypted, "show", "-w", customer.contact_id, "--output", "json"))
    readable = {path for path, encoding in encodings(json.loads(exported.read_text())) if encoding != ENCODING}
    # the SDK writes these itself: the type, attempt and time of a local activity, and the name of a rules version
    written_by_sdk = {"details.data.payloads", "details.patch-data.payloads"}
    assert {path for path in readable if "searchAttributes" not in path} == written_by_sdk

    replay_histories(exported, converter=data_converter([FIRST_KEY]))
    with pytest.raises(pytest.fail.Exception, match="its payloads are encrypted"):
        replay_histories(exported)


def encodings(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, bytes]]:
    """The encodings of all payloads below a node of a history, with the last names of the path to each."""
    if isinstance(node, list):
        for each in cast("list[Any]", node):
            yield from encodings(each, path)
    elif isinstance(node, dict):
        members = cast("dict[str, Any]", node)
        if "encoding" in members.get("metadata", {}):
            yield ".".join(path[-3:]), base64.b64decode(members["metadata"]["encoding"])
        for name, each in members.items():
            yield from encodings(each, (*path, name))


async def test_texts_of_failures_are_encrypted() -> None:
    converter, failure = data_converter([FIRST_KEY]), Failure()
    await converter.encode_failure(ApplicationError("Ada has said it", "Ada", type="refused"), failure)
    assert b"Ada" not in failure.SerializeToString()
    error = await converter.decode_failure(failure)
    assert isinstance(error, ApplicationError)
    assert (error.message, *error.details) == ("Ada has said it", "Ada")


def test_the_ui_reads_payloads_with_a_token_alone(encrypted: Stack) -> None:
    customer, _ = begin(encrypted, "secret")
    history = json.loads(temporal(encrypted, "show", "-w", customer.contact_id, "--output", "json"))
    body = history["events"][0]["workflowExecutionStartedEventAttributes"]["input"]
    assert mark("name", "secret") not in json.dumps(body)
    decode = f"{encrypted.url}/codec/decode"

    basic = httpx.BasicAuth("anybody", TOKEN)
    for answer in (httpx.post(decode, json=body, headers=bearer(TOKEN)), httpx.post(decode, json=body, auth=basic)):
        payload = answer.raise_for_status().json()["payloads"][0]
        assert mark("name", "secret") in base64.b64decode(payload["data"]).decode()
    for headers in ({}, bearer("x" * 32), bearer(SECRET), {"Authorization": "Basic !"}, {"Authorization": "Bearer"}):
        assert httpx.post(decode, json=body, headers=headers).status_code == 401
    assert httpx.get(f"{encrypted.url}/codec").headers["www-authenticate"].startswith("Basic ")
    assert httpx.get(f"{encrypted.url}/codec", auth=basic).status_code == 200
    assert httpx.post(decode, content=b"[", headers=bearer(TOKEN)).status_code == 400
    assert httpx.post(decode, content=b" " * 10_000_001, headers=bearer(TOKEN)).status_code == 413

    encoded = httpx.post(f"{encrypted.url}/codec/encode", json={"payloads": [payload]}, headers=bearer(TOKEN)).json()
    assert encoded["payloads"][0] not in (payload, body["payloads"][0])
    again = httpx.post(decode, json=encoded, headers=bearer(TOKEN)).json()
    assert again == {"payloads": [payload]}
    unknown = {"payloads": [{"metadata": {**encoded["payloads"][0]["metadata"], "encryption-key-id": "eA=="}}]}
    assert httpx.post(decode, json=unknown, headers=bearer(TOKEN)).json() == unknown


def test_only_the_page_of_the_ui_may_call_the_codec(encrypted: Stack) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-namespace"}
    for origin, allowed in ((UI, UI), ("https://evil.example.org", None)):
        preflight = httpx.options(f"{encrypted.url}/codec/decode", headers={"Origin": origin, **asked})
        assert preflight.is_success == (allowed is not None)
        assert preflight.headers.get("access-control-allow-origin") == allowed
        answer = httpx.get(f"{encrypted.url}/codec", headers={"Origin": origin, **bearer(TOKEN)})
        assert answer.headers.get("access-control-allow-origin") == allowed


def test_there_is_no_codec_without_keys_and_tokens(stack: Stack) -> None:
    assert httpx.post(f"{stack.url}/codec/decode", json={"payloads": []}, headers=bearer(TOKEN)).status_code == 404
