"""From a workstream to the policy of its conversations: the mode's defaults, then the workstream, then the request."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from configuration.errors import InvalidConfiguration
from configuration.schema.instances import InstanceSettings
from configuration.schema.sections import NEVER, LocalizedText, mistakes, text_in_language
from configuration.schema.workstreams import WorkstreamSettings
from domain.conversation import ConversationOpening, Mode
from domain.policy import (
    DEFAULTS,
    LANGUAGE_ATTRIBUTE,
    SLUGS,
    AutomatedMessages,
    IdleAction,
    IdleRule,
    Policy,
    SameAgent,
    Survey,
)
from domain.transcript import INTERACTIVE, INTERACTIVE_RESPONSE

_LIMITS = ("connect_within", "reconnect_window", "open_age", "waiting_period", "wrap_up", "duration", "agent_grace")
_HOLDS: dict[object, timedelta | None] = {"always": None, "never": timedelta(0)}
_IN_BRACES = re.compile(r"\{([^{}]*)\}")


def policy_for(
    instance: InstanceSettings, new: ConversationOpening, duration: timedelta | None = None, *, archive: bool = False
) -> Policy:
    """The policy of a new conversation; its texts are those of the customer's language.

    Args:
        instance: it has the conversation's workstream.
        new: the conversation.
        duration: what the request says of it.
        archive: whether contacts that have ended become files.
    """
    policy = workstream_policy(instance, instance.workstreams[new.workstream], new.attributes.get(LANGUAGE_ATTRIBUTE))
    return policy.model_copy(
        update={
            "duration": duration or policy.duration,
            "duration_configured": duration is None,
            "archive": archive,
            "interactive": {INTERACTIVE, INTERACTIVE_RESPONSE} <= set(new.content_types),
        }
    )


def check_policies(instance: InstanceSettings) -> None:
    """Makes sure that there is a policy for every workstream.

    Raises:
        Unfit: there is none; the message names the key.
    """
    for name, workstream in instance.workstreams.items():
        for place, text in _all_texts(workstream):
            _check_slugs(f"workstreams.{name}.{place}", text)
        try:
            workstream_policy(instance, workstream, None)
        except ValidationError as error:
            raise InvalidConfiguration(f"workstreams.{name}: {mistakes(error)}") from None


def workstream_policy(instance: InstanceSettings, workstream: WorkstreamSettings, language: str | None) -> Policy:
    """The policy that a workstream amounts to for customers of a language (a BCP 47 tag, or anything that is none)."""
    defaults = DEFAULTS[Mode(workstream.mode)]
    hours = any(queue.hours for queue in instance.queues.values())
    return Policy.model_validate({**dict(defaults), **_own(workstream, language, defaults.texts), "hours": hours})


def _own(workstream: WorkstreamSettings, language: str | None, texts: AutomatedMessages) -> dict[str, Any]:
    """What the workstream itself says."""

    def said(text: LocalizedText) -> str | None:
        return text_in_language(text, language, workstream.language) or None

    own: dict[str, Any] = {
        name: None if limit == NEVER else limit for name in _LIMITS if (limit := getattr(workstream, name)) is not None
    }
    if workstream.customer_may_end is not None:
        own["customer_may_end"] = workstream.customer_may_end
    if workstream.survey:
        own["survey"] = Survey(**workstream.survey.model_dump(exclude_none=True))
    own |= {"units": workstream.units, "priority": workstream.priority, "auto_accept": workstream.auto_accept}
    own["missed_offers"] = None if workstream.missed_offers == "never" else workstream.missed_offers
    if workstream.same_agent:
        own["same_agent"] = SameAgent(workstream.same_agent)
    if workstream.same_agent_wait:
        own["same_agent_wait"] = workstream.same_agent_wait
    own["wrap_up_holds"] = _HOLDS.get(workstream.wrap_up_holds, workstream.wrap_up_holds)
    own["texts"] = texts.model_copy(update={trigger: said(text) for trigger, text in _texts(workstream)})
    own["idle_rules"] = tuple(
        IdleRule(
            silent=rule.silent,
            after=rule.after,
            action=IdleAction(rule.action),
            text=said(rule.text) if rule.text else None,
        )
        for rule in workstream.idle_rules
    )
    return own


def _texts(workstream: WorkstreamSettings) -> list[tuple[str, LocalizedText]]:
    """The texts that the workstream has itself, by their trigger."""
    return [(trigger, text) for trigger, text in workstream.texts if text is not None]


def _all_texts(workstream: WorkstreamSettings) -> list[tuple[str, LocalizedText]]:
    """The texts with slugs, by their place in the workstream's table."""
    rules = [(f"idle_rules.{n}.text", rule.text) for n, rule in enumerate(workstream.idle_rules) if rule.text]
    return [(f"texts.{trigger}", text) for trigger, text in _texts(workstream)] + rules


def _check_slugs(key: str, text: LocalizedText) -> None:
    for wording in text.values():
        if unknown := sorted(set(_IN_BRACES.findall(wording)) - set(SLUGS)):
            known = ", ".join(f"{{{slug}}}" for slug in SLUGS)
            raise InvalidConfiguration(f"{key}: there is no {{{unknown[0]}}}; a text can name {known}")
