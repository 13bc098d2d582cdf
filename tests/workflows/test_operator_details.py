"""The description of a conversation that operators read in the Temporal UI."""

from __future__ import annotations

import pytest

from domain.conversation import Mode
from domain.events import End
from domain.policy import DEFAULTS
from tests.workflows.sample_states import SAMPLE_STATES, sample_chat
from tests.workflows.simulated_chat import SECOND
from workflows import operator_details
from workflows.machine import decide
from workflows.rules_version import RULES_VERSION

WAITING_FOR = {
    "open": "an agent of queue q.",
    "active": "the customer to answer agent a1.",
    "surveyed": "the customer to answer agent a1.",
    "waiting": "the customer to write again, or agent a1 to resume it.",
    "returned": "agent a1, who parked it, or another agent: the customer has written again.",
    "wrap-up": "agent a1 to close the wrap-up.",
    "survey": "the customer to answer the survey, and agent a1 to close the wrap-up.",
    "asked": "the customer to answer the survey.",
    "closed": "nothing: it is closed.",
}


@pytest.mark.parametrize(("mode", "name"), SAMPLE_STATES)
def test_details_name_the_awaited_action(mode: Mode, name: str) -> None:
    state = sample_chat(mode, name).state
    text = operator_details.details(state, 3)
    title, waiting, *_ = text.split("\n\n")
    assert title.startswith(f"### {mode} chat: {state.state} since 2026-01-01 00:00:")
    assert waiting == f"**Waiting for** {WAITING_FOR[name]}"
    assert f"run 3, rules version {RULES_VERSION}" in text
    assert ("What you can do" in text) == (name != "closed")


@pytest.mark.parametrize(("mode", "name"), SAMPLE_STATES)
def test_details_hold_no_names_and_no_messages(mode: Mode, name: str) -> None:
    text = operator_details.details(sample_chat(mode, name).state, 1)
    assert not {"Ada", "Now", "Before", "Hello", "None"} & set(text.replace(",", " ").replace(".", " ").split())


def test_details_list_refusals_and_the_actors_of_changes() -> None:
    chat = sample_chat(Mode.PERSISTENT, "active")
    refused = decide(chat.state, End(by="customer"), chat.now + SECOND)
    assert refused.refused is not None
    assert f"**1 refused, the latest first**\n- 2026-01-01 00:00:10Z `end by the customer`: {refused.refused.text}" in (
        operator_details.details(refused.state, 1)
    )
    ended = decide(refused.state, End(by="kim"), chat.now + SECOND).state
    assert "**Changes, the latest first**\n- 2026-01-01 00:00:10Z stop by kim: ACTIVE → WRAP_UP" in (
        operator_details.details(ended, 1)
    )


def test_rules_list_limits_and_idle_rules() -> None:
    text = operator_details.rules(DEFAULTS[Mode.LIVE])
    assert "- reconnect window: 3 min\n" in text
    assert "- waiting period: never\n" in text
    assert "- duration: 1 d 1 h\n" in text
    assert text.endswith("- the customer can end it")
