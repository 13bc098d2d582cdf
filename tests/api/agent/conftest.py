"""A Perennial with two agents who serve all queues, one agent for a single queue, and a supervisor without queues."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.agent.agent_client import AgentClient, sign_in
from tests.api.agent.socket_agent import GRACE_SECONDS, SocketAgent
from tests.api.calls import Api, served

CONFIG = """
[access_keys.perennial]
secret = "perennial-demo-secret"
[instances.demo.workstreams.live]
mode = "live"
queue = "live"
texts = { position_in_queue = "{PeopleAhead} ahead of you.", next_in_line = "You are next." }
[instances.demo.workstreams.auto]
mode = "live"
queue = "live"
auto_accept = true
[instances.demo.workstreams.persistent]
mode = "persistent"
queue = "persistent"
[instances.demo.workstreams.strict]
mode = "persistent"
queue = "strict"
distribution = "pick"
over_capacity = false
[instances.demo.workstreams.shelf]
mode = "live"
queue = "shelf"
distribution = "pick"
[instances.demo.workstreams.silent-shelf]
mode = "live"
queue = "shelf"
distribution = "pick"
texts = { position_in_queue = "", next_in_line = "", average_wait = "" }
[instances.demo.workstreams.auto-shelf]
mode = "live"
queue = "shelf"
distribution = "pick"
auto_accept = true

[instances.demo.agents.a1]
name = "Agent One"
capacity = 1
queues = ["live", "persistent", "strict", "shelf"]
[instances.demo.agents.a2]
name = "Agent Two"
capacity = 1
queues = ["live", "persistent", "strict", "shelf"]
[instances.demo.agents.unlucky]
name = "Agent Three"
capacity = 1
queues = ["shelf"]
[instances.demo.agents.s]
name = "Supervisor"
supervisor = true
queues = []
"""

OWN_QUEUES = """
[access_keys.perennial]
secret = "perennial-demo-secret"
[instances.demo.workstreams.persistent]
mode = "persistent"
queue = "anns"
[instances.demo.workstreams.bobs]
mode = "persistent"
queue = "bobs"
[instances.demo.workstreams.both]
mode = "persistent"
queue = "both"
[instances.demo.queues.cats]
[instances.demo.agents.ann]
name = "Ann"
capacity = 100
queues = ["anns", "both"]
[instances.demo.agents.bob]
name = "Bob"
capacity = 100
queues = ["bobs", "both"]
[instances.demo.agents.cat]
name = "Cat, who has no socket"
queues = ["cats"]
[instances.demo.agents.sue]
name = "Sue"
supervisor = true
queues = []
"""


@pytest.fixture(scope="package")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    settings = {"PERENNIAL_PRESENCE_DEBOUNCE": "PT0.3S", "PERENNIAL_POSITIONS_EVERY": "PT0.5S"}
    with served(tmp_path_factory.mktemp("agent"), CONFIG, **settings) as api:
        yield api


@pytest.fixture(autouse=True)
def clean_up(api: Api) -> Iterator[None]:
    """After each test, end all contacts and set all agents offline."""
    yield
    agents, supervisor = [sign_in(api, user) for user in ("a1", "a2")], sign_in(api, "s")
    for contact in supervisor.get("contacts", "supervision/").json()["contacts"]:
        supervisor.post(f"contacts/{contact['contact_id']}/end", None, "supervision/")
    for agent in agents:
        for contact_id in agent.contacts():
            agent.post(f"contacts/{contact_id}/close")
        assert agent.set_status("offline")["load"] == 0
    assert supervisor.get("contacts", "supervision/").json()["contacts"] == []


@pytest.fixture
def a1(api: Api) -> AgentClient:
    """Agent a1, signed in. Every agent starts offline."""
    return sign_in(api, "a1")


@pytest.fixture
def a2(api: Api) -> AgentClient:
    return sign_in(api, "a2")


@pytest.fixture
def supervisor(api: Api) -> AgentClient:
    return sign_in(api, "s")


@pytest.fixture(scope="module")
def agent_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Three agents and a supervisor. Ann and Bob each serve their own queue and one together; Cat has no socket."""
    settings = {
        "PERENNIAL_PRESENCE_DEBOUNCE": "PT0.3S",
        "PERENNIAL_AGENT_DISCONNECT_GRACE": f"PT{GRACE_SECONDS}S",
    }
    with served(tmp_path_factory.mktemp("floor"), OWN_QUEUES, **settings) as api:
        yield api


@pytest.fixture
def ann(agent_api: Api) -> Iterator[SocketAgent]:
    agent = SocketAgent(agent_api, "ann")
    agent.set_status("available")
    yield agent
    agent.set_status("offline")


@pytest.fixture
def bob(agent_api: Api) -> Iterator[SocketAgent]:
    agent = SocketAgent(agent_api, "bob")
    agent.set_status("available")
    yield agent
    agent.set_status("offline")
