"""The policy that a conversation starts with, derived from its workstream."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from configuration.errors import InvalidConfiguration
from configuration.policies import check_policies, policy_for
from configuration.schema import sections, workstreams
from configuration.schema.instances import InstanceSettings
from domain import policy
from domain.conversation import ConversationOpening, Mode
from domain.policy import DEFAULTS, IdleAction, IdleRule, Policy, SameAgent, Survey
from domain.transcript import INTERACTIVE, INTERACTIVE_RESPONSE

MINUTE = timedelta(minutes=1)

# the defaults have no limit of missed offers, for conversations from before there was one; workstreams default to 3
WORKSTREAM_DEFAULTS = {mode: policy.model_copy(update={"missed_offers": 3}) for mode, policy in DEFAULTS.items()}


def configured(workstream: dict[str, Any] | None = None, mode: str = "live", **instance: Any) -> InstanceSettings:
    table = {"mode": mode, "queue": "q", **(workstream or {})}
    return InstanceSettings.model_validate({"workstreams": {"w": table}, **instance})


def policy_at_start(
    instance: InstanceSettings,
    *,
    archive: bool = False,
    duration: timedelta | None = None,
    attributes: dict[str, str] | None = None,
    content_types: tuple[str, ...] = (),
) -> Policy:
    new = ConversationOpening(
        contact_id="c",
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
def test_workstream_without_settings_has_the_default_policy(mode: Mode) -> None:
    assert policy_at_start(configured(mode=mode)) == WORKSTREAM_DEFAULTS[mode]


@pytest.mark.parametrize(
    "name", ["connect_within", "reconnect_window", "open_age", "duration", "agent_grace", "assigned_within", "wrap_up"]
)
def test_duration_setting_of_the_workstream_overrides_the_default(name: str) -> None:
    assert policy_at_start(configured({name: "PT7M"})) == WORKSTREAM_DEFAULTS[Mode.LIVE].model_copy(
        update={name: 7 * MINUTE}
    )


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("name", "configured_value", "policy_value"),
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
def test_routing_setting_of_the_workstream_overrides_the_default(
    mode: Mode, name: str, configured_value: object, policy_value: object
) -> None:
    assert policy_at_start(configured({name: configured_value}, mode)) == WORKSTREAM_DEFAULTS[mode].model_copy(
        update={name: policy_value}
    )


@pytest.mark.parametrize("name", ["connect_within", "reconnect_window", "open_age", "duration", "agent_grace"])
def test_never_switches_a_duration_off(name: str) -> None:
    assert getattr(DEFAULTS[Mode.LIVE], name) is not None
    assert getattr(policy_at_start(configured({name: "never"})), name) is None


def test_assigned_agents_of_persistent_chats_have_a_limit_that_can_be_switched_off() -> None:
    assert policy_at_start(configured({}, "persistent")).assigned_within == timedelta(days=1)
    assert policy_at_start(configured({"assigned_within": "never"}, "persistent")).assigned_within is None


def test_waiting_period_can_be_unlimited_or_limited() -> None:
    assert policy_at_start(configured({"waiting_period": "never"}, "persistent")).waiting_period is None
    assert policy_at_start(configured({"waiting_period": "P3D"}, "persistent")).waiting_period == timedelta(days=3)


def test_customer_may_end_is_configurable() -> None:
    assert not policy_at_start(configured({"customer_may_end": False})).customer_may_end
    assert policy_at_start(configured({"customer_may_end": True}, "persistent")).customer_may_end


def test_duration_of_the_request_overrides_the_configuration() -> None:
    for configuration in ({}, {"duration": "never"}, {"duration": "PT1H"}):
        policy = policy_at_start(configured(configuration), duration=7 * MINUTE)
        assert (policy.duration, policy.duration_configured) == (7 * MINUTE, False)
        assert policy_at_start(configured(configuration)).duration_configured


def test_reconnect_window_belongs_to_live_workstreams() -> None:
    assert (
        policy_at_start(configured({"reconnect_window": "PT15M", "reconnection": {}})).reconnect_window == 15 * MINUTE
    )
    assert policy_at_start(configured({"reconnection": {}}, "persistent")).reconnect_window is None


def test_survey_settings_become_the_survey() -> None:
    survey = policy_at_start(configured({"survey": {"deadline": "PT5M"}})).survey
    assert survey == Survey(deadline=5 * MINUTE)


def test_interactive_and_archive_follow_the_request() -> None:
    types = ("text/plain", INTERACTIVE, INTERACTIVE_RESPONSE)
    assert policy_at_start(configured(), content_types=types).interactive
    assert not policy_at_start(configured(), content_types=types[:2]).interactive
    assert policy_at_start(configured(), archive=True).archive


def test_one_queue_with_hours_enables_hours_for_all_conversations() -> None:
    """A conversation can be transferred to any queue of its instance."""
    hours = {"h": {"time_zone": "Europe/Vienna"}}
    assert not policy_at_start(configured(hours=hours, queues={"q": {}})).hours
    assert policy_at_start(configured(hours=hours, queues={"other": {"hours": "h"}})).hours


def test_texts_can_be_default_overridden_or_switched_off() -> None:
    texts = policy_at_start(configured({"texts": {"agent_joined": "{AgentName} is here.", "out_of_hours": ""}})).texts
    expected = {"agent_joined": "{AgentName} is here.", "out_of_hours": None}
    assert texts == DEFAULTS[Mode.LIVE].texts.model_copy(update=expected)


GREETINGS = {"de": "Hallo", "de-AT": "Servus", "en": "Hello"}


@pytest.mark.parametrize(
    ("attributes", "fallback", "text"),
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
def test_texts_follow_the_customers_language(attributes: dict[str, str], fallback: str | None, text: str) -> None:
    rule = {"silent": "customer", "after": "PT1M", "action": "remind", "text": GREETINGS}
    workstream = {"texts": {"greeting": GREETINGS}, "idle_rules": [rule]}
    chat = policy_at_start(configured(workstream | ({"language": fallback} if fallback else {})), attributes=attributes)
    assert (chat.texts.greeting, chat.idle_rules[0].text) == (text, text)


def test_text_can_be_switched_off_in_one_language() -> None:
    instance = configured({"texts": {"out_of_hours": {"en": "Closed.", "de": ""}}})
    assert policy_at_start(instance, attributes={"language": "de"}).texts.out_of_hours is None
    assert policy_at_start(instance, attributes={"language": "en"}).texts.out_of_hours == "Closed."


def test_idle_rule_settings_become_idle_rules() -> None:
    rules = [
        {"silent": "customer", "after": "PT10M", "action": "warn", "text": "Hello?"},
        {"silent": "agent", "after": 60, "action": "release"},
        {"silent": "customer", "after": "PT15M", "action": "close", "text": ""},
    ]
    assert policy_at_start(configured({"idle_rules": rules})).idle_rules == (
        IdleRule(silent="customer", after=10 * MINUTE, action=IdleAction.WARN, text="Hello?"),
        IdleRule(silent="agent", after=MINUTE, action=IdleAction.RELEASE),
        IdleRule(silent="customer", after=15 * MINUTE, action=IdleAction.CLOSE),
    )


RULE = {"silent": "customer", "after": "PT1M", "action": "remind"}


@pytest.mark.parametrize(
    ("workstream", "message"),
    [
        ({"texts": {"greeting": "Hi {CustomerNam}"}}, "texts.greeting: there is no {CustomerNam}"),
        ({"texts": {"greeting": "Hi {customername}"}}, "texts.greeting: there is no {customername}"),
        ({"texts": {"ended": {"en": "Bye", "de": "Ade {$Name$}"}}}, "texts.ended: there is no {$Name$}"),
        ({"idle_rules": [RULE | {"text": "Hi {}"}]}, "idle_rules.0.text: there is no {}"),
    ],
)
def test_unknown_slug_is_named_in_the_error(workstream: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidConfiguration) as problem:
        check_policies(configured(workstream))
    assert f"workstreams.w.{message}" in str(problem.value)
    assert all(f"{{{slug}}}" in str(problem.value) for slug in policy.SLUGS)


def test_every_known_slug_is_allowed() -> None:
    check_policies(configured({"texts": {"greeting": " ".join(f"{{{slug}}}" for slug in policy.SLUGS)}}))


def test_configurable_texts_and_idle_actions_match_the_policy() -> None:
    """The configuration has texts by language, so it defines the triggers a second time."""
    assert set(workstreams.MessageSettings.model_fields) == set(policy.AutomatedMessages.model_fields)
    assert TypeAdapter(sections.MessageText).json_schema()["maxLength"] == policy.MAX_MESSAGE_CHARACTERS
    allowed_actions = {(silent, action) for silent, actions in workstreams.ACTIONS.items() for action in actions}
    assert {action for _, action in allowed_actions} == set(IdleAction)
    assert {silent for silent, _ in allowed_actions} == {"customer", "agent"}
