"""The configuration is read and changed over HTTP at run time."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from api.administration.openapi import EXAMPLES
from api.app import build_services, create_app
from configuration.current import Configuration
from engine.client import ConversationClient
from runtime.bus import Announcement, LocalBus
from runtime.settings import Settings
from store.database import Database
from tests import sqlite
from tests.api.administration.admin import ALL, DENIED, KINDS, LIVE_WORKSTREAM, NOT_FOUND, REFUSED, Admin
from tests.api.calls import Api, assert_refused
from tests.compat.chats import Chat, eventually


def start_chat(tenants: Api, instance: str, workstream: str, **members: Any) -> httpx.Response:
    body = {
        "InstanceId": instance,
        "ContactFlowId": workstream,
        "ParticipantDetails": {"DisplayName": "Ada"},
        **members,
    }
    return tenants.send("StartChatContact", body, token=ALL)


def test_configuration_lists_the_values_of_every_kind(hours_admin: Admin) -> None:
    configuration = hours_admin.get()
    assert configuration["instance"] == "hours"
    assert configuration["changes"] == []
    assert {kind: configuration[kind] for kind in KINDS} == {kind: hours_admin.get(f"/{kind}") for kind in KINDS}
    assert configuration["queues"] == {"closed": {"hours": "never"}, "soon": {"hours": "soon"}}
    assert configuration["agents"] == {"a1": {"name": "Agent with Hours"}}
    assert configuration["workstreams"]["open"] == {"mode": "live", "queue": "open"}


def test_every_value_can_be_written_back_unchanged(hours_admin: Admin) -> None:
    before = hours_admin.get()
    for kind in KINDS:
        for name, value in before[kind].items():
            assert hours_admin.get(f"/{kind}/{name}") == value
            assert hours_admin.put(f"/{kind}/{name}", value) == value
    after = hours_admin.get()
    assert {kind: after[kind] for kind in KINDS} == {kind: before[kind] for kind in KINDS}
    assert after["revision"] == before["revision"] + sum(len(before[kind]) for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_documented_example_of_each_kind_is_accepted(tenant_admin: Admin, kind: str) -> None:
    tenant_admin.put("/hours/office", EXAMPLES["hours"])
    assert tenant_admin.put(f"/{kind}/example", EXAMPLES[kind]) == EXAMPLES[kind]
    assert tenant_admin.get(f"/{kind}")["example"] == EXAMPLES[kind]


def test_agent_can_be_added_and_deleted(tenants: Api, tenant_admin: Admin) -> None:
    sign_in = {"instance": "two", "user": "new"}
    assert_refused(tenants.send("SignIn", sign_in, token=ALL), *NOT_FOUND, "user")
    tenant_admin.put("/agents/new", {"name": "New Agent"})
    agent = tenants.send("SignIn", sign_in, token=ALL).raise_for_status().json()
    assert agent["name"] == "New Agent"
    headers = {"authorization": f"Bearer {agent['token']}"}
    assert tenants.http.get("/v1/agent/contacts", headers=headers).json() == {"contacts": []}
    [change] = tenant_admin.get()["changes"]
    assert change.pop("changed_at").endswith("Z")
    assert change == {"kind": "agents", "name": "new", "deleted": False, "changed_by": "all", "unfit": None}
    tenant_admin.delete("/agents/new")
    assert_refused(tenant_admin.send("GET", "/agents/new"), *NOT_FOUND, "name: instance 'two' has no agents 'new'")
    assert_refused(tenants.http.get("/v1/agent/contacts", headers=headers), *DENIED, "does not exist any more")


def test_agent_of_the_file_can_be_deleted_and_reset(tenants: Api, tenant_admin: Admin) -> None:
    tenant_admin.delete("/agents/a1")
    assert tenant_admin.get("/agents") == {}
    assert [change["deleted"] for change in tenant_admin.get()["changes"]] == [True]
    assert_refused(tenant_admin.send("DELETE", "/agents/a1"), *NOT_FOUND, "a1")
    assert_refused(tenants.send("SignIn", {"instance": "two", "user": "a1"}, token=ALL), *NOT_FOUND, "user")
    assert tenant_admin.reset("/agents/a1").json() == {}
    assert tenant_admin.get("/agents/a1") == {"name": "Agent of Two"}
    assert tenant_admin.reset("/agents/a1").status_code == tenant_admin.reset("/agents/nobody").status_code == 200


def test_deleted_workstream_refuses_new_chats_and_keeps_running_ones(tenants: Api, tenant_admin: Admin) -> None:
    assert_refused(start_chat(tenants, "two", "new"), *NOT_FOUND, "ContactFlowId")
    tenant_admin.put("/workstreams/new", LIVE_WORKSTREAM)
    chat = start_chat(tenants, "two", "new").raise_for_status().json()
    tenant_admin.delete("/workstreams/new")
    assert_refused(start_chat(tenants, "two", "new"), *NOT_FOUND, "ContactFlowId")
    # running chats continue
    running, ids = Chat(chat["ContactId"], "", "", ""), {"InstanceId": "two"}
    assert (
        tenants.send("AssociateContactWithUser", {"UserId": "a1"}, chat=running, token=ALL, path=ids).status_code == 200
    )


def test_changed_hours_open_and_close_queues(tenants: Api, hours_admin: Admin) -> None:
    assert_refused(start_chat(tenants, "hours", "closed"), *REFUSED, "closed")
    hours_admin.put("/queues/closed", {})
    assert start_chat(tenants, "hours", "closed").status_code == 200
    hours_admin.put("/queues/open", {"hours": "never"})
    assert_refused(start_chat(tenants, "hours", "open"), *REFUSED, "the queue 'open' is closed")
    hours_admin.put("/hours/never", {"time_zone": "UTC", "special": {"2999-12-31": ["08:00-12:00"]}})
    assert_refused(
        hours_admin.send("DELETE", "/hours/never"), *REFUSED, "queues: open.hours: there are no hours 'never'"
    )
    hours_admin.delete("/queues/open")
    assert start_chat(tenants, "hours", "open").status_code == 200


def test_running_conversation_uses_changed_texts(tenants: Api, tenant_admin: Admin) -> None:
    tenant_admin.put("/workstreams/new", LIVE_WORKSTREAM | {"texts": {"agent_assigned": {"en": "Old.", "de": "Alt."}}})
    german = {"Attributes": {"language": "de"}, "ConnectionTypes": ["CONNECTION_CREDENTIALS"]}
    response = start_chat(tenants, "two", "new", **german).raise_for_status().json()
    tenant_admin.put("/workstreams/new", LIVE_WORKSTREAM | {"texts": {"agent_assigned": {"en": "New.", "de": "Neu."}}})
    chat = Chat(response["ContactId"], "", "", response["ConnectionCredentials"]["ConnectionToken"])
    tenants.send("SendMessage", {"ContentType": "text/plain", "Content": "Hallo?"}, chat=chat).raise_for_status()
    eventually(lambda: "Hallo?" in transcript_text(tenants, chat), "message of the customer")
    ids = {"InstanceId": "two"}
    tenants.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat, token=ALL, path=ids).raise_for_status()
    eventually(lambda: "Neu." in transcript_text(tenants, chat), "text of the changed configuration")
    assert "Alt." not in transcript_text(tenants, chat)


def transcript_text(tenants: Api, chat: Chat) -> str:
    path = f"/v1/contacts/{chat.contact_id}/transcript?instance=two&format=text"
    return tenants.http.get(path, headers={"authorization": f"Bearer {ALL}"}).raise_for_status().text


SETTINGS = Settings.model_validate(
    {
        "access_keys": {"all": {"secret": ALL}},
        "instances": {"i": {"workstreams": {"w": LIVE_WORKSTREAM}}},
        "token_keys": ("k" * 32,),
    }
)
AGENT = "/v1/instances/i/agents/a"


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with sqlite.store(tmp_path) as db:
        yield db


@asynccontextmanager
async def api_process(db: Database, configuration: Configuration) -> AsyncGenerator[httpx.AsyncClient, None]:
    """Run the API of one process. It shares only the store with other processes."""
    engine = ConversationClient(await Client.connect("localhost:1", lazy=True), SETTINGS)
    app = create_app(build_services(SETTINGS, db, LocalBus(), configuration, engine))
    headers = {"authorization": f"Bearer {ALL}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost", headers=headers
    ) as http:
        yield http


async def test_other_process_reads_a_change_before_it_is_announced(db: Database) -> None:
    """The processes have separate buses, so the announcement never arrives."""
    local, remote = (Configuration(SETTINGS.instances, db, LocalBus()) for _ in range(2))
    async with api_process(db, remote) as http:
        await local.change("i", "agents", "a", {"name": "Ann"}, by="key")
        response = await http.get(AGENT)
    assert response.json() == {"name": "Ann"}


async def test_change_is_answered_with_its_own_value_although_overtaken(db: Database) -> None:
    class OvertakenBus(LocalBus):
        """Deletes the changed value before its announcement."""

        async def announce(self, announcement: Announcement) -> None:
            await remote.change("i", "agents", "a", None, by="another")
            await local.refresh()

    local, remote = (Configuration(SETTINGS.instances, db, bus) for bus in (OvertakenBus(), LocalBus()))
    async with api_process(db, local) as http:
        response = await http.put(AGENT, json={"name": "Ann"})
        assert (response.status_code, response.json()) == (200, {"name": "Ann"})
        assert (await http.get(AGENT)).status_code == 404


def test_openapi_documents_every_kind_with_its_example(tenants: Api) -> None:
    paths = tenants.http.get("/openapi.json").raise_for_status().json()["paths"]
    path = paths["/v1/instances/{instance}/{kind}/{name}"]
    assert path.keys() == {"get", "put", "delete"}
    content = path["put"]["requestBody"]["content"]["application/json"]
    assert {kind: example["value"] for kind, example in content["examples"].items()} == EXAMPLES
    assert {schema["title"]: schema["example"] for schema in content["schema"]["anyOf"]} == EXAMPLES
    assert "$ref" not in json.dumps(content)


def test_null_in_a_table_counts_as_absent(tenant_admin: Admin) -> None:
    table = {**LIVE_WORKSTREAM, "open_age": None, "priority": None, "texts": {"greeting": None}}
    assert tenant_admin.put("/workstreams/w", table) == {**LIVE_WORKSTREAM, "texts": {}}
    assert tenant_admin.put("/agents/new", {"name": "Ann", "capacity": None}) == {"name": "Ann"}
