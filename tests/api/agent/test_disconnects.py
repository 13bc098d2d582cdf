"""An agent whose agent socket is lost: no offers, and offline after the grace period."""

from __future__ import annotations

import time

import pytest

from tests.api.agent.socket_agent import GRACE_SECONDS, SocketAgent, end_and_close
from tests.api.calls import Api
from tests.compat.chats import eventually

pytestmark = pytest.mark.slow


def test_agent_who_reconnects_within_grace_period_stays_available(agent_api: Api, ann: SocketAgent) -> None:
    with ann.agent_socket():
        pass
    time.sleep(1)
    chat = agent_api.start()
    time.sleep(1)
    with ann.agent_socket() as agent_socket:
        assert agent_socket.hello["status"] == "available"
        assert agent_socket.hello["head"] == agent_socket.hello["seq"], (
            "the chat must not be offered while the agent is disconnected"
        )
        agent_socket.accept_offer(chat)
        time.sleep(GRACE_SECONDS)
        assert ann.status() == "available"
        end_and_close(ann, agent_socket, chat)


def test_agent_is_set_offline_after_grace_period(ann: SocketAgent) -> None:
    with ann.agent_socket():
        pass
    eventually(lambda: ann.status() == "offline", "offline", seconds=GRACE_SECONDS + 5)
    with ann.agent_socket() as agent_socket:
        assert agent_socket.receive("status")["status"] == "offline"


def test_offer_of_disconnected_agent_goes_to_next_agent(agent_api: Api, ann: SocketAgent, bob: SocketAgent) -> None:
    with bob.agent_socket() as bob_socket:
        bob.set_status("away")
        bob_socket.receive("status")
        with ann.agent_socket() as ann_socket:
            chat = agent_api.start("both")
            ann_socket.receive("offer")
            bob.set_status("available")
            bob_socket.receive("status")
        bob_socket.accept_offer(chat)
        end_and_close(bob, bob_socket, chat)
    with ann.agent_socket() as ann_socket:
        assert ann_socket.receive("offer-over")["outcome"] == "withdrawn"


def test_agent_who_never_opened_a_socket_stays_available(agent_api: Api) -> None:
    cat = SocketAgent(agent_api, "cat")
    cat.set_status("available")
    time.sleep(GRACE_SECONDS + 3)
    assert cat.status() == "available"
