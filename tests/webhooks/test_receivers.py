"""Which addresses are reached, and what a receiver can cost."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from socket import AF_INET, AF_INET6, SOCK_STREAM, socket
from threading import Event
from typing import Any

import psutil
import pytest
from aiohttp import web
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from store.webhooks import MAX_ANSWER
from tests.webhooks.receiver import SECRET, receiving
from webhooks import lookups, receivers
from webhooks.receivers import Receivers
from webhooks.signatures import signed_headers

BODY = json.dumps({"id": "e1", "text": "Grüße"}).encode()

FAMILIES = (AF_INET, AF_INET6)

FORBIDDEN = [
    "http://127.0.0.1:9/x",
    "http://localhost:9/x",
    "https://169.254.169.254/latest/meta-data",
    "https://[fe80::1]/x",
    "https://[::1]/x",
    "https://[::ffff:169.254.169.254]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[fd00:ec2::254]/x",
    "https://[fd20:ce::254]/x",
    "https://100.100.100.200/x",
    "https://[::ffff:100.100.100.200]/x",
    "https://[::ffff:168.63.129.16]/x",
    "https://[2002:a9fe:a9fe::]/x",
    "https://192.0.0.192/x",
    "https://0.0.0.0/x",
    "https://[::]/x",
    "https://224.0.0.1/x",
    "https://2130706433/x",
    "https://0x7f.1/x",
]


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_addresses_of_the_machine_and_its_link_are_not_reached(url: str) -> None:
    answer = await Receivers(hosts=(), loopback=False).post(url, BODY, {})
    assert answer.status is None
    assert "which is of this machine, link-local or reserved" in answer.text


def own_addresses() -> list[str]:
    """The addresses of this machine in its networks."""
    found = (each for addresses in psutil.net_if_addrs().values() for each in addresses)
    hosts = [(each.family, each.address) for each in found if each.family in FAMILIES and "%" not in each.address]
    return [f"[{address}]" if family is AF_INET6 else address for family, address in hosts]


async def test_no_network_of_the_machine_leads_back_to_it() -> None:
    sender = Receivers(hosts=(), loopback=False)
    for host in own_addresses():
        answer = await sender.post(f"https://{host}:9/x", BODY, {})
        assert "which is of this machine, link-local or reserved" in answer.text, host
    allowed = await Receivers(hosts=(), loopback=True).post(f"https://{own_addresses()[0]}:9/x", BODY, {})
    assert allowed.text == "its server does not answer"


async def test_only_listed_hosts_are_reached() -> None:
    async with receiving() as receiver:
        refused = await Receivers(hosts=("crm.example.org",), loopback=True).post(receiver.url, BODY, {})
        assert refused.text == "the host '127.0.0.1' is not among PERENNIAL_WEBHOOK_HOSTS"
        assert not receiver.attempts


async def test_signature_is_verified_and_a_changed_byte_is_not() -> None:
    headers = signed_headers([SECRET], "e1", datetime.now(UTC), BODY)
    assert Webhook(SECRET).verify(BODY, headers)["text"] == "Grüße"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY.replace(b"e1", b"e2"), headers)


async def test_each_secret_signs_while_one_is_replaced() -> None:
    other = SECRET.replace("whsec_dGhl", "whsec_VEhF")
    headers = signed_headers([other, SECRET], "e1", datetime.now(UTC), BODY)
    for secret in (SECRET, other):
        Webhook(secret).verify(BODY, headers)


async def test_only_the_beginning_of_an_answer_is_kept() -> None:
    async with receiving() as receiver:
        receiver.answer = "a\0b" * 100_000
        headers = signed_headers([SECRET], "e1", datetime.now(UTC), BODY)
        sender = Receivers(hosts=(), loopback=True)
        answer = await sender.post(receiver.url, BODY, headers)
        await sender.close()
    assert answer.status == 200
    assert len(answer.text) <= MAX_ANSWER
    assert "\0" not in answer.text


async def test_receiver_that_does_not_answer_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "ANSWER_SECONDS", 0.2)
    with socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        answer = await Receivers(hosts=(), loopback=True).post(url, BODY, {})
    assert answer.status is None
    assert answer.text.startswith("no answer within")


async def test_receiver_that_is_away_has_a_plain_reason() -> None:
    answer = await Receivers(hosts=(), loopback=True).post("http://127.0.0.1:9/", BODY, {})
    assert answer.status is None
    assert answer.text == "its server does not answer"


@pytest.mark.parametrize("port", [65_536, 99_999])
async def test_port_that_does_not_exist_is_a_failure(port: int) -> None:
    answer = await Receivers(hosts=(), loopback=True).post(f"https://127.0.0.1:{port}/", BODY, {})
    assert (answer.status, answer.text) == (None, f"there is no port {port}")


async def test_no_receiver_gets_what_it_or_another_one_has_set() -> None:
    """Two hosts have one address."""
    cookies: list[str | None] = []

    async def receive(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("cookie"))
        return web.Response(headers={"set-cookie": "session=of-one"})

    app = web.Application()
    app.router.add_post("/", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sender, port = Receivers(hosts=(), loopback=True), runner.addresses[0][1]
    for host in ("0x7f.1", "127.0.0.1", "127.0.0.1"):
        assert (await sender.post(f"http://{host}:{port}/", BODY, {})).status == 200
    await sender.close()
    await runner.cleanup()
    assert cookies == [None, None, None]


class NameServer:
    """Answers for one host at once, and for others only when it is released."""

    def __init__(self) -> None:
        self.released = Event()
        self.asked: list[str] = []

    def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        if host != "quick.example":
            self.released.wait(30)
        return [(2, SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> NameServer:
    server = NameServer()
    monkeypatch.setattr(lookups, "getaddrinfo", server.getaddrinfo)
    return server


async def test_host_that_nobody_finds_keeps_no_other_one_waiting(name_server: NameServer) -> None:
    sender = Receivers(hosts=(), loopback=False)
    slow = [asyncio.create_task(sender.post("https://slow.example/", BODY, {})) for _ in range(100)]
    try:
        async with asyncio.timeout(10):
            quick = await sender.post("https://quick.example/", BODY, {})
    finally:
        name_server.released.set()
    assert "quick.example has the address 127.0.0.1" in quick.text
    assert {answer.text for answer in await asyncio.gather(*slow)} == {quick.text.replace("quick", "slow")}
    assert name_server.asked.count("slow.example") == 1
    await sender.close()


async def test_hosts_that_nobody_finds_leave_the_threads_of_the_process_alone(name_server: NameServer) -> None:
    """SQLite commits in them."""
    sender = Receivers(hosts=(), loopback=False)
    slow = [asyncio.create_task(sender.post(f"https://slow-{number}.example/", BODY, {})) for number in range(50)]
    try:
        async with asyncio.timeout(10):
            while not name_server.asked:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(lambda: None)
    finally:
        name_server.released.set()
    assert len(await asyncio.gather(*slow)) == len(name_server.asked) == 50
    await sender.close()


async def test_attempt_that_ends_early_leaves_the_lookup_to_others(
    name_server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receivers, "ANSWER_SECONDS", 0.1)
    sender = Receivers(hosts=(), loopback=False)
    assert (await sender.post("https://slow.example/", BODY, {})).text.startswith("no answer within")
    monkeypatch.setattr(receivers, "ANSWER_SECONDS", 10)
    later = asyncio.create_task(sender.post("https://slow.example/", BODY, {}))
    name_server.released.set()
    assert "slow.example has the address 127.0.0.1" in (await later).text
    assert name_server.asked == ["slow.example"]
    await sender.close()
