"""A customer asks for what there is about them, and to be forgotten. Their chats run, wait, have ended, and are archived."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.compat.chats import Chat, eventually, join_as_agent, send_message, start_chat
from tests.deployment.test_encryption import bearer, temporal
from tests.stack import KEY_ID, SECRET, Stack

ADA, BOB = "ada/marked", "bob-marked"
MARK = "ada-speaks"
"""What every message, name and attribute of Ada contains."""

KEY = bearer(SECRET)


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A Perennial whose workstream `live` keeps no ended chat, and looks for them every second."""
    settings = {
        "PERENNIAL_INSTANCES__demo__workstreams__live__retention": "PT1S",
        "PERENNIAL_RETENTION_EVERY": "PT1S",
    }
    stack = Stack(tmp_path_factory.mktemp("centre"), settings)
    stack.start()
    yield stack
    assert stack.stop() == 0


def chat_of(
    stack: Stack, customer: str, text: str, workstream: str = "persistent", **members: Any
) -> tuple[Chat, Chat]:
    """Start a chat in which customer and agent write `text`. Returns what both have."""
    details = {"ParticipantDetails": {"DisplayName": text}, "Attributes": {"topic": text}, "CustomerId": customer}
    chat = start_chat(stack.connect(), workstream, **(details | members))
    agent = join_as_agent(stack, stack.connect(), stack.participant(), chat)
    for sender in (chat, agent):
        send_message(stack.participant(), sender, text)
    eventually(lambda: said(stack, chat)[:2] == [text, text], "both messages")
    return chat, agent


def said(stack: Stack, chat: Chat) -> list[str]:
    """All messages of a chat, also of its past, the latest first."""
    messages: list[str] = []
    rest: dict[str, str] = {}
    while True:
        page = stack.participant().get_transcript(ConnectionToken=chat.token, ScanDirection="BACKWARD", **rest)
        messages += [item["Content"] for item in page["Transcript"] if item["Type"] == "MESSAGE"]
        if "NextToken" not in page:
            return messages
        rest = {"NextToken": page["NextToken"]}


def end(stack: Stack, chat: Chat) -> None:
    """End a chat, and wait until its file is written."""
    stack.connect().stop_contact(InstanceId="demo", ContactId=chat.contact_id)
    act(stack, "a1", "POST", f"/v1/agent/contacts/{chat.contact_id}/close")
    eventually(lambda: list(stack.folder.glob(f"transcripts/**/{chat.contact_id}.json")), "file of the transcript")


def act(stack: Stack, user: str, method: str, path: str, body: Any = None) -> Any:
    """Act as an agent or a supervisor."""
    signed_in = call(stack, "POST", "/v1/agents/sign-in", json={"instance": "demo", "user": user})
    answer = httpx.request(method, f"{stack.url}{path}", json=body, headers=bearer(signed_in["token"]))
    return answer.raise_for_status().json()


def call(stack: Stack, method: str, path: str, **options: Any) -> Any:
    """Call an operation of a backend, which must succeed."""
    return httpx.request(method, f"{stack.url}{path}", headers=KEY, timeout=60, **options).raise_for_status().json()


def audit(stack: Stack, action: str) -> list[dict[str, Any]]:
    """The entries of the audit log about an action, the latest first."""
    entries = call(stack, "GET", "/v1/instances/demo/audit?limit=1000")["entries"]
    return [entry for entry in entries if entry["action"] == action]


def files_with(folder: Path, text: str) -> set[str]:
    """The names of the files below a folder that hold a text. Temporal's own stay aside."""
    own = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("temporal.")]
    assert {"store.db", "perennial.log"} <= {path.name for path in own}
    return {path.name for path in own if text.encode() in path.read_bytes()}


def is_gone(stack: Stack, conversation_id: str) -> bool:
    """Whether Temporal has no workflow of a conversation any more."""
    return conversation_id not in temporal(stack, "list", "--query", f"WorkflowId = '{conversation_id}'")


@pytest.mark.timeout(480)  # Temporal takes half a minute for each chat
def test_a_customer_is_exported_and_forgotten(centre: Stack) -> None:
    ended, _ = chat_of(centre, ADA, MARK)
    end(centre, ended)
    active, agent = chat_of(centre, ADA, MARK)
    act(centre, "a1", "POST", f"/v1/agent/contacts/{active.contact_id}/notes", {"text": f"{MARK} in a note"})
    parked, _ = chat_of(centre, ADA, MARK)
    act(centre, "a1", "POST", f"/v1/agent/contacts/{parked.contact_id}/park")
    waiting = start_chat(centre.connect(), "persistent", CustomerId=ADA, ParticipantDetails={"DisplayName": MARK})
    chats = [ended, active, parked, waiting]
    other, _ = chat_of(centre, BOB, "bob speaks")
    assert files_with(centre.folder, MARK) >= {f"{ended.contact_id}.json"}
    path = "/v1/instances/demo/customers/ada%2Fmarked"

    exported = call(centre, "GET", path)
    assert [chat["id"] for chat in exported["conversations"]] == [chat.contact_id for chat in chats]
    items = exported["conversations"][1]["items"]
    assert [item["content"] for item in items if item["type"] == "MESSAGE"] == [MARK, MARK]
    assert exported["conversations"][1]["contact_notes"][0]["text"] == f"{MARK} in a note"
    assert exported["conversations"][0]["started_at"].endswith("Z")

    deleted = call(centre, "DELETE", path)
    assert deleted["conversations"] == len(chats)
    assert deleted["notes"] == 1
    assert deleted["files"] == len(chats)
    assert deleted["runs"] >= len(chats)
    assert files_with(centre.folder, MARK) == set()
    assert files_with(centre.folder, ADA) == set()
    assert files_with(centre.folder, active.contact_id) <= {"perennial.log"}  # ids of chats are not personal
    for chat in chats:
        eventually(lambda chat=chat: is_gone(centre, chat.contact_id), "end of what Temporal has", 240)
        with pytest.raises(ClientError, match="AccessDenied"):
            said(centre, chat)
    with pytest.raises(ClientError, match="AccessDenied"):
        send_message(centre.participant(), agent, "still here?")

    assert call(centre, "GET", path)["conversations"] == []
    assert call(centre, "DELETE", path) == {"conversations": 0, "items": 0, "notes": 0, "files": 0, "runs": 0}
    send_message(centre.participant(), other, "goes on")
    assert len(call(centre, "GET", f"/v1/instances/demo/customers/{BOB}")["conversations"]) == 1

    [repeated, entry] = audit(centre, "delete_customer")
    assert repeated["counts"]["conversations"] == 0
    assert entry["actor"] == f"api:{KEY_ID}"
    assert entry["counts"] == deleted
    assert entry["target"].startswith("customers/")
    assert len(audit(centre, "export_customer")) == 3
    assert ADA not in json.dumps(call(centre, "GET", "/v1/instances/demo/audit"))


def test_a_chat_without_a_customer_id_is_deleted_by_its_contact(centre: Stack) -> None:
    chat = start_chat(centre.connect(), "persistent", ParticipantDetails={"DisplayName": "anonymous-marked"})
    path = f"/v1/instances/demo/conversations/{chat.contact_id}"
    assert call(centre, "DELETE", path)["conversations"] == 1
    assert files_with(centre.folder, "anonymous-marked") == set()
    assert httpx.delete(f"{centre.url}{path}", headers=KEY).status_code == 404
    assert audit(centre, "delete_conversation")[0]["target"] == chat.contact_id


def test_a_chat_goes_on_when_its_past_is_deleted(centre: Stack) -> None:
    past, _ = chat_of(centre, "carl", "said long ago")
    end(centre, past)
    continued = {"SourceContactId": past.contact_id, "RehydrationType": "ENTIRE_PAST_SESSION"}
    chat, _ = chat_of(centre, "carl", "said today", PersistentChat=continued)
    assert said(centre, chat) == ["said today", "said today", "said long ago", "said long ago"]
    call(centre, "DELETE", f"/v1/instances/demo/conversations/{past.contact_id}")
    send_message(centre.participant(), chat, "goes on")
    expected = ["goes on", "said today", "said today"]
    eventually(lambda: said(centre, chat) == expected, "transcript without the past")


def test_an_ended_chat_is_deleted_after_the_retention_of_its_workstream(centre: Stack) -> None:
    chat, _ = chat_of(centre, "dora", "dora-marked", "live")
    assert files_with(centre.folder, "dora-marked") & {"store.db", "store.db-wal"}
    centre.connect().stop_contact(InstanceId="demo", ContactId=chat.contact_id)
    act(centre, "a1", "POST", f"/v1/agent/contacts/{chat.contact_id}/close")
    path = "/v1/instances/demo/customers/dora"
    eventually(lambda: call(centre, "GET", path)["conversations"] == [], "deletion of the chat", 30)
    eventually(lambda: audit(centre, "delete_conversations"), "entry in the audit log")
    assert files_with(centre.folder, "dora-marked") == set()
    entry = audit(centre, "delete_conversations")[0]
    assert (entry["actor"], entry["target"]) == ("retention", "workstreams/live")
    assert entry["counts"]["conversations"] == 1


def test_the_audit_log_has_who_administers_supervises_and_signs_in(centre: Stack) -> None:
    table = {"mode": "live", "queue": "audited"}
    call(centre, "PUT", "/v1/instances/demo/queues/earlier", json={})
    call(centre, "PUT", "/v1/instances/demo/workstreams/audited", json=table)
    call(centre, "DELETE", "/v1/instances/demo/workstreams/audited")
    chat = start_chat(centre.connect(), "persistent", CustomerId="eve")
    act(centre, "s1", "POST", f"/v1/supervision/contacts/{chat.contact_id}/assign", {"user": "a2"})
    act(centre, "s1", "POST", f"/v1/supervision/contacts/{chat.contact_id}/end")
    act(centre, "s1", "GET", "/v1/supervision/contacts")
    call(centre, "PUT", "/users/demo/a2/status", json={"AgentStatusId": "offline"})
    refused = httpx.put(f"{centre.url}/v1/instances/demo/workstreams/audited", json={"mode": "x"}, headers=KEY)
    assert refused.status_code == 400

    log = call(centre, "GET", "/v1/instances/demo/audit?limit=8")
    found = [(entry["actor"], entry["action"], entry["target"]) for entry in reversed(log["entries"])]
    sign_in = (f"api:{KEY_ID}", "sign_in", "agents/s1")
    assert found == [
        (f"api:{KEY_ID}", "put_table", "workstreams/audited"),
        (f"api:{KEY_ID}", "delete_table", "workstreams/audited"),
        sign_in,
        ("supervisor:s1", "assign_contact", chat.contact_id),
        sign_in,
        ("supervisor:s1", "perform_action", f"{chat.contact_id}/end"),
        sign_in,
        (f"api:{KEY_ID}", "put_user_status", "agents/a2"),
    ]
    earlier = call(centre, "GET", f"/v1/instances/demo/audit?limit=1&before={log['next']}")
    assert earlier["entries"][0]["at"] <= log["entries"][-1]["at"]
    wrong = httpx.get(f"{centre.url}/v1/instances/demo/audit?before=x", headers=KEY)
    assert wrong.status_code == 400
    assert httpx.get(f"{centre.url}/v1/instances/demo/audit").status_code == 403


def test_the_audit_log_has_the_signals_of_operators(centre: Stack) -> None:
    chat = start_chat(centre.connect(), "persistent", CustomerId="finn", ParticipantDetails={"DisplayName": "Finn"})
    for name, body in (
        ("park", {"by": "kim"}),  # refused: there is no agent
        ("assign", {"user": "a1", "name": "Agent One", "by": "kim"}),
        ("message", {"content": "finn-marked"}),
    ):
        temporal(centre, "signal", "-w", chat.contact_id, "--name", name, "--input", json.dumps(body))
    temporal(centre, "cancel", "-w", chat.contact_id)

    def found() -> list[tuple[str, str, int]] | None:
        log = call(centre, "GET", "/v1/instances/demo/audit?limit=1000")["entries"]
        own = [entry for entry in reversed(log) if entry["target"] == chat.contact_id]
        return (
            [(entry["actor"], entry["action"], entry["counts"]["refused"]) for entry in own] if len(own) > 3 else None
        )

    assert sorted(eventually(found, "entries in the audit log")) == [
        ("operator:cancellation", "signal_end", 0),
        ("operator:kim", "signal_assign", 0),
        ("operator:kim", "signal_park", 1),
        ("operator:operator", "signal_message", 0),
    ]
    assert "finn" not in json.dumps(call(centre, "GET", "/v1/instances/demo/audit")).lower()
