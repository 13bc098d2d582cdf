"""From settings to the policy that a conversation starts with: the mode's defaults, then the workstream, then the request."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from runtime.instances import Instance
from runtime.problems import StartupProblem
from runtime.sections import NEVER, Text, in_language
from runtime.settings import Settings
from runtime.workstreams import Workstream
from store.records import NewConversation
from workflows.policy import DEFAULTS, SLUGS, IdleAction, IdleRule, Policy, Texts
from workflows.survey import INTERACTIVE, INTERACTIVE_RESPONSE, Survey
from workflows.values import Mode

LANGUAGE = "language"
"""The contact attribute that says in which language a customer reads, as a BCP 47 tag."""

_LIMITS = ("connect_within", "reconnect_window", "open_age", "waiting_period", "wrap_up", "duration", "agent_grace")
_IN_BRACES = re.compile(r"\{([^{}]*)\}")


def policy_for(settings: Settings, new: NewConversation, duration: timedelta | None = None) -> Policy:
    """The policy of a new conversation; its texts are those of the customer's language."""
    instance = settings.instances[new.instance]
    policy = _policy(instance, instance.workstreams[new.workstream], new.attributes.get(LANGUAGE))
    return policy.model_copy(
        update={
            "duration": duration or policy.duration,
            "archive": settings.archive_address is not None,
            "interactive": {INTERACTIVE, INTERACTIVE_RESPONSE} <= set(new.content_types),
        }
    )


def check_policies(settings: Settings) -> None:
    """Makes sure that there is a policy for every workstream.

    Raises:
        StartupProblem: there is none; the message names the key.
    """
    for instance_name, instance in settings.instances.items():
        for name, workstream in instance.workstreams.items():
            key = f"instances.{instance_name}.workstreams.{name}"
            for place, text in _all_texts(workstream):
                _check_slugs(f"{key}.{place}", text)
            _policy(instance, workstream, None)


def _policy(instance: Instance, workstream: Workstream, language: str | None) -> Policy:
    defaults = DEFAULTS[Mode(workstream.mode)]
    hours = any(queue.hours for queue in instance.queues.values())
    return Policy.model_validate({**dict(defaults), **_own(workstream, language, defaults.texts), "hours": hours})


def _own(workstream: Workstream, language: str | None, texts: Texts) -> dict[str, Any]:
    """What the workstream itself says."""

    def said(text: Text) -> str | None:
        return in_language(text, language, workstream.language) or None

    own: dict[str, Any] = {
        name: None if limit == NEVER else limit for name in _LIMITS if (limit := getattr(workstream, name)) is not None
    }
    if workstream.customer_may_end is not None:
        own["customer_may_end"] = workstream.customer_may_end
    if workstream.reconnection and workstream.reconnection.limit:
        own["reconnect_window"] = workstream.reconnection.limit
    if workstream.survey:
        own["survey"] = Survey(**workstream.survey.model_dump(exclude_none=True))
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


def _texts(workstream: Workstream) -> list[tuple[str, Text]]:
    """The texts that the workstream has itself, by their trigger."""
    return [(trigger, text) for trigger, text in workstream.texts if text is not None]


def _all_texts(workstream: Workstream) -> list[tuple[str, Text]]:
    """The texts with slugs, by their place in the workstream's table."""
    rules = [(f"idle_rules.{n}.text", rule.text) for n, rule in enumerate(workstream.idle_rules) if rule.text]
    return [(f"texts.{trigger}", text) for trigger, text in _texts(workstream)] + rules


def _check_slugs(key: str, text: Text) -> None:
    for wording in text.values():
        if unknown := sorted(set(_IN_BRACES.findall(wording)) - set(SLUGS)):
            known = ", ".join(f"{{{slug}}}" for slug in SLUGS)
            raise StartupProblem(f"{key}: there is no {{{unknown[0]}}}; a text can name {known}")
