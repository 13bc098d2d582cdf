"""Webhooks that a backend creates, changes and deletes while Perennial runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from temporalio.client import Client

from api.app import build_services, create_app
from api.dependencies import Services
from configuration.current import Configuration
from domain.webhooks import WebhookSignal, WebhookState
from engine.client import ConversationClient
from runtime.bus import LocalBus
from runtime.settings import Settings
from store.webhooks import WebhookKey, find_webhook, set_webhook_state, take_webhook
from tests import sqlite
from tests.api.calls import assert_refused
from tests.stack import NO_LIMITS
from webhooks.receivers import ReceiverAnswer, Receivers

SECRET = "secret of the backend that administers"
REFUSED, NOT_FOUND = (400, "InvalidRequestException"), (404, "ResourceNotFoundException")
FILE_HOOK = {"url": "https://example.org/", "secrets": ["whsec_" + "A" * 44]}
SETTINGS = Settings.model_validate(
    {
        "access_keys": {"key": {"secret": SECRET}},
        "token_keys": ["a key of at least 32 characters ..."],
        "limits": NO_LIMITS,
        "instances": {"i": {"workstreams": {"w": {"mode": "live", "queue": "q"}}, "webhooks": {"crm": FILE_HOOK}}},
    }
)
NEW = {"url": "https://shop.example.org/hook", "types": ["survey"]}


class Hooks:
    """A backend that administers the webhooks of an instance."""

    def __init__(self, services: Services, http: httpx.AsyncClient) -> None:
        self.services, self.http = services, http
        self.db, self.configuration = services.db, services.configuration

    async def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        content = json.dumps(body) if body is not None else None
        return await self.http.request(method, f"/v1/instances/i/webhooks{path}", content=content)

    async def put(self, name: str = "shop", **settings: Any) -> dict[str, Any]:
        return (await self.send("PUT", f"/{name}", {**NEW, **settings})).raise_for_status().json()

    async def all_that_is_shown(self) -> str:
        """The text of everything that shows webhooks."""
        paths = (
            "/v1/instances/i",
            "/v1/instances/i/webhooks",
            "/v1/instances/i/webhooks/shop",
            "/v1/instances/i/audit",
        )
        return "".join([(await self.http.get(path)).raise_for_status().text for path in paths])


@asynccontextmanager
async def administered(folder: Path) -> AsyncGenerator[Hooks]:
    """Run the API of one process, without an engine."""
    async with sqlite.store(folder) as db:
        configuration = Configuration(SETTINGS.instances, db, LocalBus())
        engine = ConversationClient(await Client.connect("localhost:1", lazy=True), SETTINGS)
        services = build_services(SETTINGS, db, LocalBus(), configuration, engine)
        headers = {"authorization": f"Bearer {SECRET}"}
        transport = httpx.ASGITransport(create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as http:
            yield Hooks(services, http)


async def test_new_webhook_is_configured_for_every_process_and_after_a_restart(tmp_path: Path) -> None:
    async with administered(tmp_path) as hooks:
        created = await hooks.put(content=True, max_in_flight=2)
        assert created.pop("secret").startswith("whsec_")
        assert created == {
            "name": "shop",
            **NEW,
            "content": True,
            "max_in_flight": 2,
            "format": "cloudevents",
            "in_file": False,
        }
        assert (await hooks.send("GET", "/shop")).json() == created
    async with administered(tmp_path) as restarted:
        await restarted.configuration.refresh()
        assert restarted.configuration.instances["i"].webhooks["shop"].max_in_flight == 2
        assert [hook["name"] for hook in (await restarted.send("GET", "")).json()["webhooks"]] == ["crm", "shop"]


async def test_secret_is_shown_once_and_two_sign_while_one_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[bytes, Any]] = []

    async def post(_: Receivers, __: str, body: bytes, headers: Any) -> ReceiverAnswer:
        sent.append((body, headers))
        return ReceiverAnswer(204, "")

    monkeypatch.setattr(Receivers, "post", post)
    async with administered(tmp_path) as hooks:
        secrets = [(await hooks.put())["secret"]]
        assert (await hooks.put())["secret"] is None
        answers = [await hooks.send("POST", "/shop/secrets") for _ in range(2)]
        secrets += [answer.raise_for_status().json()["secret"] for answer in answers]
        shown = await hooks.all_that_is_shown()
        assert not any(secret in shown for secret in secrets)
        (await hooks.send("POST", "/shop/test")).raise_for_status()
    [(body, headers)] = sent
    for secret in secrets[1:]:
        Webhook(secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[0]).verify(body, headers)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests go on only when both have looked at the configuration."""
    together, refresh, waited = asyncio.Barrier(2), Configuration.refresh, set[Any]()

    async def refresh_together(configuration: Configuration) -> None:
        await refresh(configuration)
        if (task := asyncio.current_task()) not in waited:
            waited.add(task)
            async with asyncio.timeout(10):
                await together.wait()

    monkeypatch.setattr(Configuration, "refresh", refresh_together)


async def test_requests_at_once_lose_no_secret(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async with administered(tmp_path) as hooks:
        await hooks.put()
        request.getfixturevalue("at_once")
        answers = await asyncio.gather(*(hooks.send("POST", "/shop/secrets") for _ in range(2)))
        shown = {answer.raise_for_status().json()["secret"] for answer in answers}
        assert set(hooks.configuration.instances["i"].webhooks["shop"].secrets) == shown


async def test_webhook_that_two_requests_create_at_once_has_one_secret(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with administered(tmp_path) as hooks:
        request.getfixturevalue("at_once")
        created = await asyncio.gather(*(hooks.put() for _ in range(2)))
        [secret] = hooks.configuration.instances["i"].webhooks["shop"].secrets
        assert {each["secret"] for each in created} == {secret, None}


async def test_changed_webhook_keeps_its_secret(tmp_path: Path) -> None:
    async with administered(tmp_path) as hooks:
        secret = (await hooks.put())["secret"]
        await hooks.put(format="eventbridge", types=["contact"])
        changed = hooks.configuration.instances["i"].webhooks["shop"]
        assert (changed.secrets, changed.format) == ((secret,), "eventbridge")


async def test_deleted_webhook_is_forgotten(tmp_path: Path) -> None:
    async with administered(tmp_path) as hooks:
        await hooks.put()
        key, now = WebhookKey("i", "shop"), datetime.now(UTC)
        assert await take_webhook(hooks.db, key, "process", now + timedelta(minutes=1), now)
        assert (await hooks.send("DELETE", "/shop")).json() == {}
        assert await find_webhook(hooks.db, key) is None
        assert "shop" not in hooks.configuration.instances["i"].webhooks
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/secrets"), ("POST", "/enable"), ("POST", "/test")):
            gone = await hooks.send(method, f"/shop{path}")
            assert_refused(gone, *NOT_FOUND, "webhook: instance 'i' has no webhook 'shop'")


async def test_new_webhook_begins_with_the_events_after_its_creation(tmp_path: Path) -> None:
    """An earlier one had its name, and a worker has sent for it once more after its deletion, or the file had it."""
    async with administered(tmp_path) as hooks:
        key, now = WebhookKey("i", "shop"), datetime.now(UTC)
        assert await take_webhook(hooks.db, key, "process", now + timedelta(minutes=1), now)
        await hooks.put()
        assert await find_webhook(hooks.db, key) is None
        assert await take_webhook(hooks.db, key, "process", now + timedelta(minutes=1), now)
        await hooks.put(max_in_flight=2)
        assert await find_webhook(hooks.db, key)


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
async def test_workflow_of_a_former_webhook_finds_it_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """It ends then. Else it would stand for the next webhook of this name, and wait for an operator."""
    found: list[object] = []
    async with administered(tmp_path) as hooks:
        key, now = WebhookKey("i", "shop"), datetime.now(UTC)

        async def signal(_: ConversationClient, instance: str, name: str, wanted: WebhookSignal) -> bool:
            found.append((instance, name, wanted, await find_webhook(hooks.db, key)))
            return True

        monkeypatch.setattr(ConversationClient, "signal_webhook", signal)
        if method == "DELETE":
            await hooks.put()
        assert await take_webhook(hooks.db, key, "process", now + timedelta(minutes=1), now)
        await set_webhook_state(hooks.db, key, WebhookState.DISABLED, now)
        (await hooks.send(method, "/shop", NEW if method == "PUT" else None)).raise_for_status()
    assert found == [("i", "shop", WebhookSignal.RETRY_NOW, None)]


async def test_webhook_of_the_file_is_changed_in_the_file(tmp_path: Path) -> None:
    async with administered(tmp_path) as hooks:
        for method, path, body in (("PUT", "", NEW), ("DELETE", "", None), ("POST", "/secrets", None)):
            refused = await hooks.send(method, f"/crm{path}", body)
            assert_refused(refused, *REFUSED, "webhook: 'crm' is a webhook of the configuration file")
        assert (await hooks.send("GET", "/crm")).json()["in_file"]
        assert (await hooks.send("POST", "/crm/enable")).json() == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "ftp://example.org"}, "url"),
        ({"url": "http://example.org"}, "url"),
        ({"url": 1}, "url"),
        ({"url": "https://example.org:65536/"}, "url"),
        ({"url": "https://example.org:port/"}, "url"),
        ({"types": ["nothing"]}, "types"),
        ({"types": ["message"], "format": "eventbridge"}, "types"),
        ({"max_in_flight": 0}, "max_in_flight"),
        ({"secrets": ["whsec_AAAA"]}, "secrets"),
    ],
)
async def test_mistake_names_its_key(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    async with administered(tmp_path) as hooks:
        assert_refused(await hooks.send("PUT", "/shop", {**NEW, **settings}), *REFUSED, message)
        assert "shop" not in hooks.configuration.instances["i"].webhooks


async def test_unknown_format_is_refused(tmp_path: Path) -> None:
    async with administered(tmp_path) as hooks:
        refused = await hooks.send("PUT", "/shop", {**NEW, "format": "sns"})
        assert_refused(refused, 400, "InvalidParameterException", "format: must be 'cloudevents' or 'eventbridge'")


async def test_name_must_be_an_identifier(tmp_path: Path) -> None:
    async with administered(tmp_path) as hooks:
        assert (await hooks.send("PUT", "/a name", NEW)).status_code == 400


async def test_number_of_webhooks_has_a_limit(tmp_path: Path) -> None:
    async with administered(tmp_path) as hooks:
        for number in range(49):
            await hooks.put(f"hook-{number}")
        assert_refused(await hooks.send("PUT", "/one-too-many", NEW), *REFUSED, "webhooks")


async def test_operations_are_in_the_audit_log_and_no_secret_is(tmp_path: Path) -> None:
    async with administered(tmp_path) as hooks:
        await hooks.put()
        await hooks.send("POST", "/shop/secrets")
        shown = await hooks.all_that_is_shown()
        for action in ("put_webhook", "replace_secret"):
            assert action in shown
