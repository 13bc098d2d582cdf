"""From a workstream to the policy that a conversation starts with."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from configuration.policies import check_policies, policy_for
from configuration.problems import Unfit
from runtime import sections, workstreams
from runtime.instances import Instance
from runtime.settings import Settings
from store.records import NewConversation
from tests.stack import ROOT
from workflows import policy
from workflows.policy import DEFAULTS, IdleAction, IdleRule, Policy, SameAgent, Survey
from workflows.values import INTERACTIVE, INTERACTIVE_RESPONSE, Mode

MINUTE = timedelta(minutes=1)

# conversations that began before offers were counted have policies without a limit; new ones get it from their workstream
UNSAID = {mode: policy.model_copy(update={"missed_offers": 3}) for mode, policy in DEFAULTS.items()}


def configured(workstream: dict[str, Any] | None = None, mode: str = "live", **instance: Any) -> Instance:
    table = {"mode": mode, "queue": "q", **(workstream or {})}
    return Instance.model_validate({"workstreams": {"w": table}, **instance})


def started(
    instance: Instance,
    *,
    archive: bool = False,
    duration: timedelta | None = None,
    attributes: dict[str, str] | None = None,
    content_types: tuple[str, ...] = (),
) -> Policy:
    new = NewConversation(
        id="c",
        instance="i",
        workstream="w",
        queue="q",
        mode=instance.workstreams["w"].mode,
        started_at=datetime.now(UTC),
        customer_participant_id="p",
        customer_name="Ada",
        customer_id=None,
        attributes=attributes or {},
        segment_attributes={},
        content_types=content_types,
        related_contact_id=None,
    )
    return policy_for(instance, new, duration, archive=archive)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_workstream_that_says_nothing_has_the_defaults(mode: Mode) -> None:
    assert started(configured(mode=mode)) == UNSAID[mode]


@pytest.mark.parametrize(
    "name", ["connect_within", "reconnect_window", "open_age", "duration", "agent_grace", "wrap_up"]
)
def test_what_it_says_itself_counts(name: str) -> None:
    assert started(configured({name: "PT7M"})) == UNSAID[Mode.LIVE].model_copy(update={name: 7 * MINUTE})


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("name", "said", "meant"),
    [
        ("units", 3, 3),
        ("priority", 1, 1),
        ("auto_accept", True, True),
        ("missed_offers", 7, 7),
        ("missed_offers", "never", None),
        ("same_agent", "off", SameAgent.OFF),
        ("same_agent", "preferred", SameAgent.PREFERRED),
        ("same_agent", "required", SameAgent.REQUIRED),
        ("same_agent_wait", "PT7M", 7 * MINUTE),
        ("wrap_up_holds", "always", None),
        ("wrap_up_holds", "never", timedelta(0)),
        ("wrap_up_holds", "PT7M", 7 * MINUTE),
    ],
)
def test_what_it_says_of_agents_counts(mode: Mode, name: str, said: object, meant: object) -> None:
    assert started(configured({name: said}, mode)) == UNSAID[mode].model_copy(update={name: meant})


@pytest.mark.parametrize("name", ["connect_within", "reconnect_window", "open_age", "duration", "agent_grace"])
def test_never(name: str) -> None:
    assert getattr(DEFAULTS[Mode.LIVE], name) is not None
    assert getattr(started(configured({name: "never"})), name) is None


def test_a_parked_chat_may_wait_for_ever() -> None:
    assert started(configured({"waiting_period": "never"}, "persistent")).waiting_period is None
    assert started(configured({"waiting_period": "P3D"}, "persistent")).waiting_period == timedelta(days=3)


def test_who_may_end() -> None:
    assert not started(configured({"customer_may_end": False})).customer_may_end
    assert started(configured({"customer_may_end": True}, "persistent")).customer_may_end


def test_the_request_decides_on_the_duration() -> None:
    for configuration in ({}, {"duration": "never"}, {"duration": "PT1H"}):
        policy = started(configured(configuration), duration=7 * MINUTE)
        assert (policy.duration, policy.duration_configured) == (7 * MINUTE, False)
        assert started(configured(configuration)).duration_configured


def test_reconnection_takes_the_place_of_the_window() -> None:
    assert started(configured({"reconnection": {"limit": "PT15M"}})).reconnect_window == 15 * MINUTE
    assert started(configured({"reconnection": {}}, "persistent")).reconnect_window is None


def test_the_survey() -> None:
    asked = started(configured({"survey": {"deadline": "PT5M"}})).survey
    assert asked == Survey(deadline=5 * MINUTE)


def test_what_the_client_shows_and_the_operator_keeps() -> None:
    types = ("text/plain", INTERACTIVE, INTERACTIVE_RESPONSE)
    assert started(configured(), content_types=types).interactive
    assert not started(configured(), content_types=types[:2]).interactive
    assert started(configured(), archive=True).archive


def test_one_queue_with_hours_makes_all_ask() -> None:
    """A chat can be transferred to any queue of its instance."""
    hours = {"h": {"time_zone": "Europe/Vienna"}}
    assert not started(configured(hours=hours, queues={"q": {}})).hours
    assert started(configured(hours=hours, queues={"other": {"hours": "h"}})).hours


def test_texts_are_the_default_or_its_own_or_none() -> None:
    texts = started(configured({"texts": {"agent_joined": "{AgentName} is here.", "out_of_hours": ""}})).texts
    expected = {"agent_joined": "{AgentName} is here.", "out_of_hours": None}
    assert texts == DEFAULTS[Mode.LIVE].texts.model_copy(update=expected)


GREETINGS = {"de": "Hallo", "de-AT": "Servus", "en": "Hello"}


@pytest.mark.parametrize(
    ("attributes", "fallback", "said"),
    [
        ({"language": "de-AT"}, "en", "Servus"),
        ({"language": "de-CH"}, "en", "Hallo"),
        ({"language": "fr"}, "en", "Hello"),
        ({}, "en-GB", "Hello"),
        ({"language": "fr"}, None, "Hallo"),
        ({"language": "not a language"}, None, "Hallo"),
        ({"Language": "en"}, "de", "Hallo"),
    ],
)
def test_the_customers_language(attributes: dict[str, str], fallback: str | None, said: str) -> None:
    rule = {"silent": "customer", "after": "PT1M", "action": "remind", "text": GREETINGS}
    workstream = {"texts": {"greeting": GREETINGS}, "idle_rules": [rule]}
    chat = started(configured(workstream | ({"language": fallback} if fallback else {})), attributes=attributes)
    assert (chat.texts.greeting, chat.idle_rules[0].text) == (said, said)


def test_a_text_switched_off_in_one_language() -> None:
    instance = configured({"texts": {"out_of_hours": {"en": "Closed.", "de": ""}}})
    assert started(instance, attributes={"language": "de"}).texts.out_of_hours is None
    assert started(instance, attributes={"language": "en"}).texts.out_of_hours == "Closed."


def test_idle_rules() -> None:
    rules = [
        {"silent": "customer", "after": "PT10M", "action": "warn", "text": "Hello?"},
        {"silent": "agent", "after": 60, "action": "release"},
        {"silent": "customer", "after": "PT15M", "action": "close", "text": ""},
    ]
    assert started(configured({"idle_rules": rules})).idle_rules == (
        IdleRule(silent="customer", after=10 * MINUTE, action=IdleAction.WARN, text="Hello?"),
        IdleRule(silent="agent", after=MINUTE, action=IdleAction.RELEASE),
        IdleRule(silent="customer", after=15 * MINUTE, action=IdleAction.CLOSE),
    )


RULE = {"silent": "customer", "after": "PT1M", "action": "remind"}


@pytest.mark.parametrize(
    ("workstream", "sentence"),
    [
        ({"texts": {"greeting": "Hi {CustomerNam}"}}, "texts.greeting: there is no {CustomerNam}"),
        ({"texts": {"greeting": "Hi {customername}"}}, "texts.greeting: there is no {customername}"),
        ({"texts": {"ended": {"en": "Bye", "de": "Ade {$Name$}"}}}, "texts.ended: there is no {$Name$}"),
        ({"idle_rules": [RULE | {"text": "Hi {}"}]}, "idle_rules.0.text: there is no {}"),
    ],
)
def test_an_unknown_slug_is_named(workstream: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Unfit) as problem:
        check_policies(configured(workstream))
    assert f"workstreams.w.{sentence}" in str(problem.value)
    assert all(f"{{{slug}}}" in str(problem.value) for slug in policy.SLUGS)


def test_every_slug_is_allowed() -> None:
    check_policies(configured({"texts": {"greeting": " ".join(f"{{{slug}}}" for slug in policy.SLUGS)}}))


def test_what_can_be_configured_is_what_there_is() -> None:
    """`runtime` may not know `workflows`, and has these once more."""
    assert set(workstreams.Texts.model_fields) == set(policy.Texts.model_fields)
    assert sections.MAX_TEXT == policy.MAX_TEXT
    steps = {(silent, action) for silent, actions in workstreams.ACTIONS.items() for action in actions}
    assert {action for _, action in steps} == set(IdleAction)
    assert {silent for silent, _ in steps} == {"customer", "agent"}


def test_the_examples_of_the_readme() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    demo = Settings.model_validate(tomllib.loads("\n".join(blocks))).instances["demo"]
    check_policies(demo)
    assert demo.schedule("live") == demo.hours["office"]
    assert demo.workstreams["live"].idle_rules
    assert demo.queues["sales"].method == "round-robin"
    assert demo.serving(demo.workstreams["sales"].queue) == ["a1"]
