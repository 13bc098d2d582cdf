"""Policies of conversations: the defaults of the mode, overridden by the workstream, overridden by the request."""

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
from store.records import StoredConversation

_LIMITS = (
    *("connect_within", "reconnect_window", "open_age", "waiting_period", "wrap_up", "duration"),
    *("agent_grace", "assigned_within"),
)
_HOLDS: dict[object, timedelta | None] = {"always": None, "never": timedelta(0)}
_IN_BRACES = re.compile(r"\{([^{}]*)\}")


def policy_for(
    instance: InstanceSettings,
    conversation: ConversationOpening | StoredConversation,
    duration: timedelta | None = None,
    *,
    archive: bool = False,
) -> Policy:
    """The policy with which a conversation begins, with texts in the customer's language.

    Args:
        instance: the instance; it must have the conversation's workstream.
        conversation: the conversation.
        duration: the chat duration that the request sets; None means that of the workstream.
        archive: whether the transcripts of ended contacts are written to files.
    """
    workstream, language = (
        instance.workstreams[conversation.workstream],
        conversation.attributes.get(LANGUAGE_ATTRIBUTE),
    )
    policy = workstream_policy(instance, workstream, language)
    return policy.model_copy(
        update={
            "duration": duration or policy.duration,
            "duration_configured": duration is None,
            "archive": archive,
            "interactive": {INTERACTIVE, INTERACTIVE_RESPONSE} <= set(conversation.content_types),
        }
    )


def check_policies(instance: InstanceSettings) -> None:
    """Check that every workstream has a valid policy, and that its texts name known slugs only.

    Raises:
        InvalidConfiguration: a workstream does not; the message names the key.
    """
    for name, workstream in instance.workstreams.items():
        for key, text in _texts_with_slugs(workstream):
            _check_slugs(f"workstreams.{name}.{key}", text)
        try:
            workstream_policy(instance, workstream, None)
        except ValidationError as error:
            raise InvalidConfiguration(f"workstreams.{name}: {mistakes(error)}") from None


def workstream_policy(instance: InstanceSettings, workstream: WorkstreamSettings, language: str | None) -> Policy:
    """The policy of a workstream for customers of a language.

    Args:
        language: a BCP 47 tag. None, or any other text, means the workstream's language.
    """
    defaults = DEFAULTS[Mode(workstream.mode)]
    hours = any(queue.hours for queue in instance.queues.values())
    configured = _configured_fields(workstream, language, defaults.texts)
    return Policy.model_validate({**dict(defaults), **configured, "hours": hours})


def _configured_fields(
    workstream: WorkstreamSettings, language: str | None, texts: AutomatedMessages
) -> dict[str, Any]:
    """The policy fields that the workstream sets. `texts`: the default texts of its mode."""

    def localized(text: LocalizedText) -> str | None:
        return text_in_language(text, language, workstream.language) or None

    fields: dict[str, Any] = {
        name: None if limit == NEVER else limit for name in _LIMITS if (limit := getattr(workstream, name)) is not None
    }
    if workstream.customer_may_end is not None:
        fields["customer_may_end"] = workstream.customer_may_end
    if workstream.survey:
        fields["survey"] = Survey(**workstream.survey.model_dump(exclude_none=True))
    fields |= {"units": workstream.units, "priority": workstream.priority, "auto_accept": workstream.auto_accept}
    fields["missed_offers"] = None if workstream.missed_offers == "never" else workstream.missed_offers
    if workstream.same_agent:
        fields["same_agent"] = SameAgent(workstream.same_agent)
    if workstream.same_agent_wait:
        fields["same_agent_wait"] = workstream.same_agent_wait
    fields["wrap_up_holds"] = _HOLDS.get(workstream.wrap_up_holds, workstream.wrap_up_holds)
    fields["texts"] = texts.model_copy(update={trigger: localized(text) for trigger, text in _texts(workstream)})
    fields["idle_rules"] = tuple(
        IdleRule(
            silent=rule.silent,
            after=rule.after,
            action=IdleAction(rule.action),
            text=localized(rule.text) if rule.text else None,
        )
        for rule in workstream.idle_rules
    )
    return fields


def _texts(workstream: WorkstreamSettings) -> list[tuple[str, LocalizedText]]:
    """The automated messages that the workstream sets, each with its trigger."""
    return [(trigger, text) for trigger, text in workstream.texts if text is not None]


def _texts_with_slugs(workstream: WorkstreamSettings) -> list[tuple[str, LocalizedText]]:
    """The texts in which slugs are allowed, each with its key in the workstream's table."""
    rules = [(f"idle_rules.{n}.text", rule.text) for n, rule in enumerate(workstream.idle_rules) if rule.text]
    return [(f"texts.{trigger}", text) for trigger, text in _texts(workstream)] + rules


def _check_slugs(key: str, text: LocalizedText) -> None:
    for translation in text.values():
        if unknown := sorted(set(_IN_BRACES.findall(translation)) - set(SLUGS)):
            known = ", ".join(f"{{{slug}}}" for slug in SLUGS)
            raise InvalidConfiguration(f"{key}: there is no {{{unknown[0]}}}; a text can name {known}")
