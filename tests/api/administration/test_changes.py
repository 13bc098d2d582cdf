"""What is configured, read and changed over HTTP while everything runs."""

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
from store.migrate import migrate
from tests.api.administration.admin import ALL, DENIED, KINDS, LIVE, NOT_FOUND, REFUSED, Admin
from tests.api.calls import Api, assert_refused
from tests.compat.chats import Chat, eventually


def start(two: Api, instance: str, workstream: str, **members: Any) -> httpx.Response:
    body = {
        "InstanceId": instance,
        "ContactFlowId": workstream,
        "ParticipantDetails": {"DisplayName": "Ada"},
        **members,
    }
    return two.send("StartChatContact", body, token=ALL)


def test_all_that_counts(hours: Admin) -> None:
    whole = hours.get()
    assert whole["instance"] == "hours"
    assert whole["changes"] == []
    assert {kind: whole[kind] for kind in KINDS} == {kind: hours.get(f"/{kind}") for kind in KINDS}
    assert whole["queues"] == {"closed": {"hours": "never"}, "soon": {"hours": "soon"}}
    assert whole["agents"] == {"a1": {"name": "Agent with Hours"}}
    assert whole["workstreams"]["open"] == {"mode": "live", "queue": "open"}


def test_everything_can_be_put_back_as_it_is(hours: Admin) -> None:
    before = hours.get()
    for kind in KINDS:
        for name, value in before[kind].items():
            assert hours.get(f"/{kind}/{name}") == value
            assert hours.put(f"/{kind}/{name}", value) == value
    after = hours.get()
    assert {kind: after[kind] for kind in KINDS} == {kind: before[kind] for kind in KINDS}
    assert after["revision"] == before["revision"] + sum(len(before[kind]) for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_a_kind(tenant: Admin, kind: str) -> None:
    tenant.put("/hours/office", EXAMPLES["hours"])
    assert tenant.put(f"/{kind}/example", EXAMPLES[kind]) == EXAMPLES[kind]
    assert tenant.get(f"/{kind}")["example"] == EXAMPLES[kind]


def test_an_agent_comes_and_goes(two: Api, tenant: Admin) -> None:
    sign_in = {"instance": "two", "user": "new"}
    assert_refused(two.send("SignIn", sign_in, token=ALL), *NOT_FOUND, "user")
    tenant.put("/agents/new", {"name": "New Agent"})
    desk = two.send("SignIn", sign_in, token=ALL).raise_for_status().json()
    assert desk["name"] == "New Agent"
    headers = {"authorization": f"Bearer {desk['token']}"}
    assert two.http.get("/v1/agent/contacts", headers=headers).json() == {"contacts": []}
    [change] = tenant.get()["changes"]
    assert change.pop("changed_at").endswith("Z")
    assert change == {"kind": "agents", "name": "new", "deleted": False, "changed_by": "all", "unfit": None}
    tenant.delete("/agents/new")
    assert_refused(tenant.send("GET", "/agents/new"), *NOT_FOUND, "name: instance 'two' has no agents 'new'")
    assert_refused(two.http.get("/v1/agent/contacts", headers=headers), *DENIED, "does not exist any more")


def test_what_the_file_says_is_deleted_and_comes_back(two: Api, tenant: Admin) -> None:
    tenant.delete("/agents/a1")
    assert tenant.get("/agents") == {}
    assert [change["deleted"] for change in tenant.get()["changes"]] == [True]
    assert_refused(tenant.send("DELETE", "/agents/a1"), *NOT_FOUND, "a1")
    assert_refused(two.send("SignIn", {"instance": "two", "user": "a1"}, token=ALL), *NOT_FOUND, "user")
    assert tenant.reset("/agents/a1").json() == {}
    assert tenant.get("/agents/a1") == {"name": "Agent of Two"}
    assert tenant.reset("/agents/a1").status_code == tenant.reset("/agents/nobody").status_code == 200


def test_a_workstream_takes_chats_as_long_as_it_is_there(two: Api, tenant: Admin) -> None:
    assert_refused(start(two, "two", "new"), *NOT_FOUND, "ContactFlowId")
    tenant.put("/workstreams/new", LIVE)
    chat = start(two, "two", "new").raise_for_status().json()
    tenant.delete("/workstreams/new")
    assert_refused(start(two, "two", "new"), *NOT_FOUND, "ContactFlowId")
    # and those that run go on
    running, ids = Chat(chat["ContactId"], "", "", ""), {"InstanceId": "two"}
    assert two.send("AssociateContactWithUser", {"UserId": "a1"}, chat=running, token=ALL, path=ids).status_code == 200


def test_a_queue_opens_and_closes(two: Api, hours: Admin) -> None:
    assert_refused(start(two, "hours", "closed"), *REFUSED, "closed")
    hours.put("/queues/closed", {})
    assert start(two, "hours", "closed").status_code == 200
    hours.put("/queues/open", {"hours": "never"})
    assert_refused(start(two, "hours", "open"), *REFUSED, "the queue 'open' is closed")
    hours.put("/hours/never", {"time_zone": "UTC", "special": {"2999-12-31": ["08:00-12:00"]}})
    assert_refused(hours.send("DELETE", "/hours/never"), *REFUSED, "queues: open.hours: there are no hours 'never'")
    hours.delete("/queues/open")
    assert start(two, "hours", "open").status_code == 200


def test_a_conversation_that_runs_says_what_is_configured_now(two: Api, tenant: Admin) -> None:
    tenant.put("/workstreams/new", LIVE | {"texts": {"agent_assigned": {"en": "Old.", "de": "Alt."}}})
    german = {"Attributes": {"language": "de"}, "ConnectionTypes": ["CONNECTION_CREDENTIALS"]}
    started = start(two, "two", "new", **german).raise_for_status().json()
    tenant.put("/workstreams/new", LIVE | {"texts": {"agent_assigned": {"en": "New.", "de": "Neu."}}})
    chat = Chat(started["ContactId"], "", "", started["ConnectionCredentials"]["ConnectionToken"])
    two.send("SendMessage", {"ContentType": "text/plain", "Content": "Hallo?"}, chat=chat).raise_for_status()
    eventually(lambda: "Hallo?" in said(two, chat), "the message")
    ids = {"InstanceId": "two"}
    two.send("AssociateContactWithUser", {"UserId": "a1"}, chat=chat, token=ALL, path=ids).raise_for_status()
    eventually(lambda: "Neu." in said(two, chat), "the text of now")
    assert "Alt." not in said(two, chat)


def said(two: Api, chat: Chat) -> str:
    path = f"/v1/contacts/{chat.contact_id}/transcript?instance=two&format=text"
    return two.http.get(path, headers={"authorization": f"Bearer {ALL}"}).raise_for_status().text


PROCESS = Settings.model_validate(
    {
        "access_keys": {"all": {"secret": ALL}},
        "instances": {"i": {"workstreams": {"w": LIVE}}},
        "token_keys": ("k" * 32,),
    }
)
AGENT = "/v1/instances/i/agents/a"


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    await migrate(db)
    yield db
    await db.close()


@asynccontextmanager
async def process(db: Database, configuration: Configuration) -> AsyncGenerator[httpx.AsyncClient, None]:
    """An API that shares the store with others, and nothing else."""
    engine = ConversationClient(await Client.connect("localhost:1", lazy=True), PROCESS)
    app = create_app(build_services(PROCESS, db, LocalBus(), configuration, engine))
    headers = {"authorization": f"Bearer {ALL}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://i", headers=headers) as http:
        yield http


async def test_who_asks_another_process_finds_what_was_just_changed(db: Database) -> None:
    """Also where the announcement of it has not come yet; here none ever does."""
    here, there = (Configuration(PROCESS.instances, db, LocalBus()) for _ in range(2))
    async with process(db, there) as http:
        await here.change("i", "agents", "a", {"name": "Ann"}, by="key")
        answer = await http.get(AGENT)
    assert answer.json() == {"name": "Ann"}


async def test_who_changes_something_is_answered_with_that_whatever_another_does_next(db: Database) -> None:
    class Overtaken(LocalBus):
        """Before a change is known everywhere, somebody has deleted the table again."""

        async def announce(self, announcement: Announcement) -> None:
            await there.change("i", "agents", "a", None, by="another")
            await here.refresh()

    here, there = (Configuration(PROCESS.instances, db, bus) for bus in (Overtaken(), LocalBus()))
    async with process(db, here) as http:
        answer = await http.put(AGENT, json={"name": "Ann"})
        assert (answer.status_code, answer.json()) == (200, {"name": "Ann"})
        assert (await http.get(AGENT)).status_code == 404


def test_the_api_describes_itself(two: Api) -> None:
    described = two.http.get("/openapi.json").raise_for_status().json()["paths"]
    path = described["/v1/instances/{instance}/{kind}/{name}"]
    assert path.keys() == {"get", "put", "delete"}
    content = path["put"]["requestBody"]["content"]["application/json"]
    assert {kind: example["value"] for kind, example in content["examples"].items()} == EXAMPLES
    assert {schema["title"]: schema["example"] for schema in content["schema"]["anyOf"]} == EXAMPLES
    assert "$ref" not in json.dumps(content)
