"""The metrics that a running stack exposes after chats, offers, refusals and a reconnect: each moves, and none names a person."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from runtime.devserver import temporal_binary
from runtime.metrics import ApiMetrics, ProcessMetrics, WorkerMetrics
from tests.api.agent.agent_client import AgentClient, sign_in
from tests.api.calls import Api
from tests.compat.chats import Chat, eventually
from tests.deployment.metrics_pages import Page, read_page
from tests.deployment.test_probes import worker_url
from tests.docs.markdown import PAGES, table_rows
from tests.stack import Stack, free_ports
from tests.webhooks.receiver import SECRET

DOCUMENTED = next(page for page in PAGES if page.name == "docs/metrics.md")

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-", re.IGNORECASE)

MARK = "mark-of-this-test"


@dataclass(frozen=True)
class Pages:
    """The pages of both processes, before and after all that happens here."""

    api: tuple[Page, Page]
    worker: tuple[Page, Page]

    def grown(self, name: str, **labels: str) -> float:
        """By how much a metric has grown, in whichever process has it."""
        return sum(
            after.value(name, **labels) - before.value(name, **labels) for before, after in (self.api, self.worker)
        )


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {
        "PERENNIAL_INSTANCES__demo__workstreams__persistent__open_age": "PT1S",
        "PERENNIAL_INSTANCES__demo__webhooks__crm__url": f"http://127.0.0.1:{free_ports(1)[0]}/nobody-listens",
        "PERENNIAL_INSTANCES__demo__webhooks__crm__secrets": json.dumps([SECRET]),
    }
    running = Stack(tmp_path_factory.mktemp("metrics"), settings)
    running.start()
    yield running
    assert running.stop() == 0, running.log()


@pytest.fixture(scope="module")
def pages(own_stack: Stack) -> Iterator[Pages]:
    with httpx.Client(base_url=own_stack.url, timeout=30) as http:
        api = Api(own_stack, http)
        before = read_page(own_stack.url), read_page(worker_url(own_stack))
        agent = sign_in(api, "a1")
        agent.set_status("available")
        live_through(api, agent)
        refuse(api)
        api.start("persistent")
        agent.set_status("offline")
        waiting = [api.start("live") for _ in range(2)]
        eventually(lambda: value(own_stack, "perennial_queue_length", queue="live") >= 2, "contacts wait", seconds=20)
        eventually(lambda: value(own_stack, "perennial_timers_fired_total") > 0, "a timer fires", seconds=20)
        eventually(lambda: value(own_stack, "perennial_archive_duration_seconds_count") > 0, "a file is written")
        after = read_page(own_stack.url), read_page(worker_url(own_stack))
        for chat in waiting:
            api.end(chat)
        yield Pages((before[0], after[0]), (before[1], after[1]))


def value(stack: Stack, name: str, **labels: str) -> float:
    return sum(read_page(url).value(name, **labels) for url in (stack.url, worker_url(stack)))


def live_through(api: Api, agent: AgentClient) -> None:
    """A chat that is offered, rejected, offered again and accepted, with messages on a socket that reconnects, and its end."""
    chat = api.start("live")
    offer = agent.wait_for_offer(chat)
    agent.post(f"offers/{offer}/accept").raise_for_status()
    for _ in range(2):
        with subscribed(api, chat) as socket:
            api.send("SendMessage", {"ContentType": "text/plain", "Content": MARK}, chat=chat).raise_for_status()
            until_frame(socket, MARK)
    agent.post(f"contacts/{chat.contact_id}/end").raise_for_status()
    agent.post(f"contacts/{chat.contact_id}/close").raise_for_status()


def refuse(api: Api) -> None:
    """A signal that is no signal, and one that is not possible now."""
    chat = api.start("live")
    for name, body in ((MARK, "{}"), ("resume", "{}")):
        signal = ["workflow", "signal", "-w", chat.contact_id, "--name", name, "--input", body]
        subprocess.run([temporal_binary(), "--address", api.stack.temporal, *signal], check=True, capture_output=True)
    api.end(chat)


@contextmanager
def subscribed(api: Api, chat: Chat) -> Generator[ClientConnection]:
    answer = api.send("CreateParticipantConnection", {"Type": ["WEBSOCKET"]}, chat=chat).raise_for_status().json()
    with connect(answer["Websocket"]["Url"]) as socket:
        socket.send(json.dumps({"topic": "aws/subscribe", "content": {"topics": ["aws/chat"]}}))
        assert json.loads(socket.recv(timeout=20))["content"]["status"] == "success"
        yield socket


def until_frame(socket: ClientConnection, content: str) -> None:
    while True:
        frame: dict[str, Any] = json.loads(socket.recv(timeout=20))
        if frame["topic"] == "aws/chat" and json.loads(frame["content"]).get("Content") == content:
            return


MOVED = [
    ("perennial_http_requests_total", {"plane": "participant", "status": "200"}, 2),
    ("perennial_http_request_duration_seconds_count", {"plane": "participant"}, 2),
    ("perennial_messages_accepted_total", {}, 2),
    ("perennial_signal_duration_seconds_count", {"signal": "message"}, 2),
    ("perennial_signal_duration_seconds_count", {"signal": "offer"}, 1),
    ("perennial_message_frame_lag_seconds_count", {}, 2),
    ("perennial_frames_sent_total", {"client": "participant"}, 4),
    ("perennial_participant_reconnects_total", {}, 1),
    ("perennial_session_lookups_total", {"result": "hit"}, 1),
    ("perennial_session_lookups_total", {"result": "miss"}, 0),
    ("perennial_offers_made_total", {"tenant": "demo", "queue": "live"}, 1),
    ("perennial_offers_ended_total", {"outcome": "accepted"}, 1),
    ("perennial_commit_duration_seconds_count", {"kind": "items"}, 1),
    ("perennial_commit_duration_seconds_count", {"kind": "record"}, 3),
    ("perennial_commit_items_sum", {}, 2),
    ("perennial_transaction_commits_count", {}, 1),
    ("perennial_archive_duration_seconds_count", {}, 1),
    ("perennial_refusals_total", {"code": "unknown_signal"}, 1),
    ("perennial_refusals_total", {}, 2),
    ("perennial_timers_fired_total", {"timer": "open too long"}, 1),
    ("perennial_queue_length", {"tenant": "demo", "queue": "live"}, 2),
    ("perennial_agents", {"tenant": "demo", "status": "offline"}, 0),
    ("perennial_webhook_lag_seconds", {"tenant": "demo", "webhook": "crm"}, 0.1),
    ("temporal_workflow_completed_total", {}, 1),
    ("temporal_local_activity_execution_latency_seconds_count", {}, 3),
]


@pytest.mark.parametrize(("name", "labels", "at_least"), MOVED, ids=lambda value: str(value))
def test_metric_moves(pages: Pages, name: str, labels: dict[str, str], at_least: float) -> None:
    assert pages.api[1].has(name) or pages.worker[1].has(name)
    assert pages.grown(name, **labels) >= at_least


def test_durations_are_in_seconds(pages: Pages) -> None:
    for name in ("perennial_message_frame_lag", "perennial_signal_duration", "perennial_commit_duration"):
        mean = pages.grown(f"{name}_seconds_sum") / pages.grown(f"{name}_seconds_count")
        assert 0.0001 < mean < 15, name


def test_oldest_wait_grows_with_the_wait(pages: Pages) -> None:
    wait = pages.api[1].value("perennial_queue_oldest_wait_seconds", tenant="demo", queue="live")
    assert 0 < wait < 60


@pytest.mark.parametrize("process", ["api", "worker"])
def test_process_tells_its_readiness_loops_and_resources(pages: Pages, process: str) -> None:
    page: Page = getattr(pages, process)[1]
    assert page.value("perennial_ready") == 1
    assert page.value("perennial_loop_last_success_timestamp_seconds", loop="read configuration changes") > 1e9
    assert page.value("process_cpu_seconds_total") > 0
    assert page.value("temporal_request_total") > 0


def test_no_label_holds_an_id_or_what_people_write(pages: Pages) -> None:
    for page in (pages.api[1], pages.worker[1]):
        values = {value for sample in page.samples for value in sample.labels.values()}
        assert [value for value in values if ID.search(value) or MARK in value] == []


def test_names_follow_the_conventions(pages: Pages) -> None:
    for page in (pages.api[1], pages.worker[1]):
        own = [family for family in page.families if family.name.startswith("perennial_")]
        assert len(own) > 8
        for family in own:
            assert family.documentation
            assert family.type != "unknown"
            assert family.type != "histogram" or family.name.endswith(("_seconds", "_items", "_commits"))


def test_page_is_not_for_the_internet(own_stack: Stack) -> None:
    for url in (own_stack.url, worker_url(own_stack)):
        answer = httpx.get(f"{url}/metrics", headers={"X-Forwarded-For": "198.51.100.7"})
        assert answer.status_code == 403
        assert "perennial_" not in answer.text


def defined(metrics: ProcessMetrics) -> set[str]:
    """The names of metrics that an object defines, as the page of documentation has them."""
    families = [family for family in metrics.registry.collect() if family.name.startswith("perennial_")]
    return {f"{family.name}_total" if family.type == "counter" else family.name for family in families}


def test_documentation_lists_all_metrics(pages: Pages) -> None:
    listed = {row[0].strip("`") for row in table_rows(DOCUMENTED, "Metrics of Perennial")}
    assert defined(ApiMetrics()) | defined(WorkerMetrics()) <= listed
    shown = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for page in (*pages.api, *pages.worker)
        for family in page.families
    }
    assert listed - shown == set()
    assert {name for name in shown if name.startswith("perennial_")} - listed == set()
