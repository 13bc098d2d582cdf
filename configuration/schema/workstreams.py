"""A workstream as configured. `configuration.policies` turns it into a policy, with the defaults of its mode."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from configuration.schema.limits import OFF
from configuration.schema.sections import (
    NEVER,
    Identifier,
    Language,
    Limit,
    LocalizedText,
    MessageText,
    Number,
    OneOf,
    Positive,
    SettingsSection,
)
from domain.attachments import DEFAULT_BYTES, KINDS, MAX_BYTES
from domain.conversation import Mode
from domain.routing import DEFAULT_PRIORITY, OFFER_DURATION

OfferableStatus = Literal["available", "busy", "busy-do-not-disturb"]
"""Agent statuses in which an agent can receive offers. Agents who become away or offline lose their open offers."""

_LIVE_TEXTS = ("position_in_queue", "next_in_line", "average_wait")
ACTIONS = {"customer": ("remind", "warn", "close"), "agent": ("remind", "release")}
"""The actions of idle rules, by the silent party."""


def _is_known_extension(extension: str) -> str:
    if extension not in KINDS:
        raise ValueError(f"must be one of {', '.join(KINDS)}")
    return extension


class MessageSettings(SettingsSection):
    """Automated messages by trigger. None: the default text. An empty text switches the message off."""

    greeting: LocalizedText | None = None
    agent_assigned: LocalizedText | None = None
    agent_joined: LocalizedText | None = None
    agent_disconnected: LocalizedText | None = None
    agent_ended: LocalizedText | None = None
    parked: LocalizedText | None = None
    released: LocalizedText | None = None
    transferred: LocalizedText | None = None
    customer_disconnected: LocalizedText | None = None
    out_of_hours: LocalizedText | None = None
    holiday: LocalizedText | None = None
    closed: LocalizedText | None = None
    position_in_queue: LocalizedText | None = None
    next_in_line: LocalizedText | None = None
    average_wait: LocalizedText | None = None
    ended: LocalizedText | None = None
    nobody_available: LocalizedText | None = None


class IdleRuleSettings(SettingsSection):
    """An action after a party has been silent for `after`, counted from the last message of the other party."""

    silent: Literal["customer", "agent"]
    after: Positive
    action: Literal["remind", "warn", "close", "release"]
    text: LocalizedText | None = Field(default=None, validate_default=True)

    @field_validator("action")
    @classmethod
    def _action_is_allowed(cls, action: str, info: ValidationInfo) -> str:
        allowed = ACTIONS.get(info.data.get("silent", ""), (action,))
        if action not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)} when the {info.data['silent']} is silent")
        return action

    @field_validator("text")
    @classmethod
    def _has_a_message(cls, text: LocalizedText | None, info: ValidationInfo) -> LocalizedText | None:
        action = info.data.get("action")
        if action in ("remind", "warn") and not (text and all(text.values())):
            raise ValueError(f"`{action}` needs a text")
        return text

    @property
    def is_last(self) -> bool:
        """Whether no later rule can apply."""
        return self.action in ("close", "release")


def _is_web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # also of a port that is no number, or too large a one
        is_address = False
    if not is_address:
        raise ValueError("must be http://... or https://...")
    return url


WebAddress = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[!-~]+$"), AfterValidator(_is_web_address)]


class ReconnectionSettings(SettingsSection):
    """Links back to a chat: the page that they open, and the page for customers who return too late."""

    portal_url: WebAddress | None = None
    redirect_url: WebAddress | None = None


class QuestionSettings(SettingsSection):
    """A survey question. The answer becomes the attribute `key`. With `choices`, only one of them is accepted."""

    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
    text: Annotated[MessageText, StringConstraints(min_length=1, max_length=1000)]
    choices: tuple[Annotated[MessageText, StringConstraints(min_length=1, max_length=256)], ...] = Field(
        default=(), max_length=100
    )


class SurveySettings(SettingsSection):
    """The survey after an agent or a participant timer has ended a chat, and the time for all answers.

    Without questions, a bot that joins by CreateParticipant asks them; the survey is over when the bot leaves.
    """

    questions: tuple[QuestionSettings, ...] = Field(default=(), max_length=20)
    deadline: Positive | None = None
    not_a_choice: MessageText | None = None
    thanks: MessageText | None = None

    @field_validator("questions")
    @classmethod
    def _keys_are_unique(cls, questions: tuple[QuestionSettings, ...]) -> tuple[QuestionSettings, ...]:
        keys = [question.key for question in questions]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"question keys must be unique; repeated: {', '.join(twice)}")
        return questions


Extension = Annotated[str, StringConstraints(to_lower=True), AfterValidator(_is_known_extension)]


class AttachmentSettings(SettingsSection):
    """The files that people in a chat may send, by the extensions of their names."""

    extensions: Annotated[frozenset[Extension], Field(min_length=1), PlainSerializer(sorted, when_used="json")] = (
        frozenset(KINDS)
    )
    max_bytes: Annotated[int, Field(ge=1, le=MAX_BYTES), Number] = DEFAULT_BYTES


NO_FILES = AttachmentSettings.model_construct(extensions=frozenset[str]())
"""The value of what is configured as `"off"`: no kind of file."""


def _rules(value: object) -> object:
    if value == OFF:
        return NO_FILES
    if not isinstance(value, dict | AttachmentSettings):
        raise ValueError('must be a table, or "off"')
    return value  # pyright: ignore[reportUnknownVariableType]


AttachmentRules = Annotated[
    AttachmentSettings,
    BeforeValidator(_rules),
    PlainSerializer(
        lambda rules: rules.model_dump(mode="json", exclude_unset=True) if rules.extensions else OFF, when_used="json"
    ),
    WithJsonSchema({"anyOf": [{"const": OFF}, AttachmentSettings.model_json_schema()]}),
]
"""What files a chat takes; `NO_FILES` (`"off"`) takes none."""


class WorkstreamSettings(SettingsSection):
    """The policy of a kind of conversation. None: the default of the mode, see `domain.policy.DEFAULTS`.

    Limits are durations, or `NEVER`.
    """

    mode: Mode
    queue: Identifier
    outside_hours: Literal["refuse", "queue"] | None = None
    """What happens to a live chat that starts while its queue is closed: refused (the default), or queued until it opens."""
    language: Language | None = None
    """The language of texts that do not exist in the customer's language."""
    connect_within: Limit | None = None
    reconnect_window: Limit | None = None
    open_age: Limit | None = None
    waiting_period: Limit | None = None
    wrap_up: Positive | None = None
    duration: Limit | None = None
    agent_grace: Limit | None = None
    assigned_within: Limit | None = None
    customer_may_end: bool | None = None
    one_chat_per_customer: bool = False
    """Whether a customer who is known by `CustomerId` has one open chat at most. A second start answers with the first chat."""
    customer_identity: Literal["claimed", "signed"] = "claimed"
    """Who says who a customer is: the backend alone, by the `CustomerId`, or a token that the customer's site has signed."""
    reconnection: ReconnectionSettings | None = None
    unreached_after: Positive | None = None
    """How long words of an agent or a bot wait for a customer who is away until the event `customer.unreached`. None: never"""
    texts: MessageSettings = MessageSettings()
    idle_rules: tuple[IdleRuleSettings, ...] = Field(default=(), max_length=20)
    distribution: Literal["push", "pick"] = "push"
    """Whether conversations are offered to agents, or agents pick them from the queue."""
    offer_within: Positive = OFFER_DURATION
    """Time to accept an offer."""
    auto_accept: bool = False
    allowed_statuses: Annotated[
        frozenset[OfferableStatus], Field(min_length=1), PlainSerializer(sorted, when_used="json")
    ] = frozenset({"available", "busy"})
    """Agent statuses in which an agent receives offers of this workstream."""
    missed_offers: Annotated[Literal["never"] | Annotated[int, Field(ge=1, le=1_000), Number], OneOf] = 3
    """Number of consecutive missed offers after which an agent becomes away."""
    units: Annotated[int, Field(ge=1, le=1_000), Number] = 1
    """Units of an agent's capacity that a conversation uses."""
    priority: Annotated[int, Field(ge=1, le=99), Number] = DEFAULT_PRIORITY
    """Lower numbers are offered first."""
    same_agent: Literal["required", "preferred", "off"] | None = None
    same_agent_wait: Positive | None = None
    wrap_up_holds: Annotated[Literal["always", "never"] | Positive, OneOf] = "always"
    """How long a wrap-up uses capacity: until it is closed, not at all, or for this time."""
    over_capacity: bool = True
    """Whether an agent without free capacity may resume a parked conversation, or pick one."""
    survey: SurveySettings | None = None
    attachments: AttachmentRules = AttachmentSettings()
    """The files that the people in a chat may send."""
    bots_read_attachments: bool = False
    """Whether bots may get the files. On Amazon Connect they never may."""
    retention: Limit = NEVER
    """How long after its end a conversation is kept. Then all that there is about it is deleted."""

    @property
    def needs_signed_customers(self) -> bool:
        """Whether each customer must be known by a signed token."""
        return self.customer_identity == "signed"

    @property
    def refuses_when_closed(self) -> bool:
        """Whether a chat is refused while its queue is closed."""
        return self.mode == "live" and self.outside_hours != "queue"

    @field_validator("outside_hours")
    @classmethod
    def _is_live(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("mode") == "persistent":
            raise ValueError("is for live workstreams; a persistent chat can begin at any time")
        return value

    @field_validator("waiting_period")
    @classmethod
    def _is_persistent(cls, value: timedelta | None, info: ValidationInfo) -> timedelta | None:
        if value is not None and info.data.get("mode") == "live":
            raise ValueError("is for persistent workstreams; a live chat is never parked")
        return value

    @field_validator("reconnect_window")
    @classmethod
    def _is_for_live_chats(cls, value: timedelta | None, info: ValidationInfo) -> timedelta | None:
        if value is not None and info.data.get("mode") == "persistent":
            raise ValueError("is for live workstreams; a persistent chat has no reconnect window")
        return value

    @field_validator("texts")
    @classmethod
    def _texts_suit_the_mode(cls, texts: MessageSettings, info: ValidationInfo) -> MessageSettings:
        if info.data.get("mode") == "persistent" and (odd := texts.model_fields_set & set(_LIVE_TEXTS)):
            raise ValueError(f"{', '.join(sorted(odd))}: can be set for live workstreams only")
        return texts

    @field_validator("idle_rules")
    @classmethod
    def _rules_are_in_order(cls, rules: tuple[IdleRuleSettings, ...]) -> tuple[IdleRuleSettings, ...]:
        before: dict[str, IdleRuleSettings] = {}
        for rule in rules:
            last = before.get(rule.silent)
            if last and last.is_last:
                raise ValueError(f"nothing can follow the {rule.silent}'s {last.action}")
            if last and rule.after <= last.after:
                raise ValueError(f"`after` must increase from rule to rule of the {rule.silent}")
            before[rule.silent] = rule
        return rules
