"""The file merged with the stored changes. A shown section can be read again."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from api.administration.openapi import EXAMPLES
from configuration.errors import InvalidConfiguration
from configuration.merging import SECTIONS, apply_changes, merge, section_as_json, sections_of
from configuration.schema.chat_pages import ChatPagesSettings
from configuration.schema.instances import InstanceSettings
from configuration.schema.token_issuers import CustomerIdentitySettings, IdentityProviderSettings
from configuration.schema.topics import TopicSettings
from configuration.schema.webhooks import WebhookSettings
from runtime.settings import Settings
from store.configuration import ConfigurationChange
from tests.stack import ROOT

FULL_FILE = """
[chat_pages]
workstreams = ["full"]
names = { full = { en = "Ask us", de = "Fragen Sie uns" } }
origins = ["https://shop.example.org"]
attributes = ["topic"]
continue_within = "P30D"
[identity_provider]
issuer = "https://login.example.org"
audience = "perennial"
user_claim = "employee"
jwks_url = "http://127.0.0.1:8000/keys"
[customer_identity]
issuer = "https://shop.example.org"
audience = "chat"
[customer_identity.keys]
k1 = '''
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEE6pY8k2CFjMveaTsMsWBnCehezfC
qr3Rbs6qfwQFEdmj3x5KQiNYsMaqkVds8icSwwV5D5wJXgH/wF3jgoNdtg==
-----END PUBLIC KEY-----
'''
[webhooks.crm]
url = "https://crm.example.org/hook"
secrets = ["whsec_d2hhdCBhIHJlYWRlciBjaG9vc2VzIGF0IHJhbmRvbQ=="]
types = ["message", "contact.queued"]
content = true
max_in_flight = 2
format = "eventbridge"
[topics]
"arn:aws:sns:us-east-1:123456789012:log" = "https://log.example.org/items"
[topics."arn:aws:sns:us-east-1:123456789012:chat"]
url = "https://bridge.example.org/items"
secrets = ["whsec_d2hhdCBhIHJlYWRlciBjaG9vc2VzIGF0IHJhbmRvbQ=="]
max_in_flight = 3
[hours.office]
time_zone = "Europe/Vienna"
weekly = { mon = ["08:00-12:00", "13:00-24:00"], fri = ["22:00-02:00"], sat = ["00:00-24:00"], sun = ["08:00-08:00"] }
holidays = { country = "AT", subdivision = "9" }
closed = ["2026-12-24", 2026-12-23, "2026-11-02"]
special = { "2026-12-31" = ["08:00-12:00"], "2027-01-01" = [] }
[hours.never]
time_zone = "UTC"
[queues.q]
hours = "office"
method = "round-robin"
[queues.bare]
[workstreams.full]
mode = "live"
queue = "q"
outside_hours = "queue"
language = "DE-at"
connect_within = "never"
open_age = "P400DT1.5S"
duration = 90000
agent_grace = 0.25
assigned_within = "PT8H"
wrap_up = "PT90M"
customer_may_end = false
one_chat_per_customer = true
customer_identity = "signed"
reconnect_window = "P36525D"
unreached_after = "PT10M"
reconnection = { portal_url = "https://example.org/chat?x=1", redirect_url = "http://127.0.0.1:1/" }
texts = { greeting = { en = "Hi", DE = "Hallo", "*" = "!" }, ended = "", agent_joined = "Süß\\u2028" }
distribution = "pick"
offer_within = 45
auto_accept = true
allowed_statuses = ["busy", "available", "busy"]
missed_offers = "never"
units = 3
priority = 1
same_agent = "off"
same_agent_wait = "PT90S"
wrap_up_holds = 30
over_capacity = false
retention = "P90D"
attachments = { extensions = ["pdf", "PNG"], max_bytes = 5_000_000 }
bots_read_attachments = true
[workstreams.full.survey]
deadline = 60
thanks = "Thanks"
not_a_choice = "?"
questions = [{ key = "score", text = "How?", choices = ["Good", "Bad"] }, { key = "why", text = "Why?" }]
[[workstreams.full.idle_rules]]
silent = "customer"
after = "PT10M"
action = "remind"
text = { en = "Still there?", de = "Noch da?" }
[[workstreams.full.idle_rules]]
silent = "agent"
after = 300
action = "release"
[workstreams.bare]
mode = "persistent"
attachments = "off"
queue = "q"
waiting_period = "never"
reconnection = {}
survey = {}
missed_offers = 1
wrap_up_holds = "never"
[agents.a1]
name = "Agent \U0001f41d"
queues = ["q", "bare", "a"]
capacity = 0
supervisor = true
[agents.a2]
name = "Agent Two"
queues = []
[agents.a3]
name = "Agent Three"
"""


def instance(toml: str = FULL_FILE) -> InstanceSettings:
    return InstanceSettings.model_validate(tomllib.loads(toml))


def change(kind: str, name: str, value: dict[str, Any] | None, revision: int = 1) -> ConfigurationChange:
    return ConfigurationChange(kind, name, value, revision, datetime(2026, 11, 20, tzinfo=UTC), "key")


MINIMAL = instance('workstreams.w = { mode = "live", queue = "q" }')
HOURS, QUEUE = {"time_zone": "UTC"}, {"hours": "h"}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in SECTIONS for name in sections_of(instance(), kind)]
)
def test_shown_section_can_be_read_again(kind: str, name: str) -> None:
    complete = instance()
    shown_section = json.loads(json.dumps(section_as_json(sections_of(complete, kind)[name])))
    merged_again = apply_changes(complete, [change(kind, name, shown_section)])
    assert merged_again == complete
    assert section_as_json(sections_of(merged_again, kind)[name]) == shown_section


def test_full_file_uses_every_key() -> None:
    """A key that is added to a section must be added to `FULL_FILE`, too."""
    keys_in_file = {
        kind: {key for section in sections_of(instance(), kind).values() for key in section.model_fields_set}
        for kind in SECTIONS
    }
    assert keys_in_file == {kind: set(section.model_fields) for kind, section in SECTIONS.items()}
    provider, customers = instance().identity_provider, instance().customer_identity
    assert provider
    assert customers
    assert provider.model_fields_set | {"keys"} == set(IdentityProviderSettings.model_fields)
    assert customers.model_fields_set | {"jwks_url"} == set(CustomerIdentitySettings.model_fields)
    pages = instance().chat_pages
    assert pages
    assert pages.model_fields_set == set(ChatPagesSettings.model_fields)
    assert instance().webhooks["crm"].model_fields_set == set(WebhookSettings.model_fields)
    topic = instance().topics["arn:aws:sns:us-east-1:123456789012:chat"]
    assert topic.model_fields_set == set(TopicSettings.model_fields)


def test_shown_sections_have_normalised_values() -> None:
    complete = instance()
    full, hours = section_as_json(complete.workstreams["full"]), section_as_json(complete.hours["office"])
    assert (full["connect_within"], full["open_age"], full["duration"]) == ("never", "P400DT1.5S", "P1DT1H")
    assert (full["wrap_up"], full["agent_grace"], full["reconnect_window"]) == ("PT1H30M", "PT0.25S", "P36525D")
    assert full["texts"] == {
        "greeting": {"en": "Hi", "de": "Hallo", "*": "!"},
        "ended": "",
        "agent_joined": "Süß\u2028",
    }
    assert (full["allowed_statuses"], full["missed_offers"]) == (["available", "busy"], "never")
    assert (full["offer_within"], full["same_agent_wait"], full["wrap_up_holds"]) == ("PT45S", "PT1M30S", "PT30S")
    assert hours["weekly"] == {
        "mon": ["08:00-12:00", "13:00-24:00"],
        "fri": ["22:00-02:00"],
        "sat": ["00:00-24:00"],
        "sun": ["08:00-08:00"],
    }
    assert hours["closed"] == ["2026-11-02", "2026-12-23", "2026-12-24"]
    assert hours["special"] == {"2026-12-31": ["08:00-12:00"], "2027-01-01": []}
    bare = section_as_json(complete.workstreams["bare"])
    assert (bare["waiting_period"], bare["missed_offers"], bare["wrap_up_holds"]) == ("never", 1, "never")
    assert (section_as_json(complete.queues["bare"]), section_as_json(complete.agents["a2"])) == (
        {},
        {"queues": [], "name": "Agent Two"},
    )
    assert section_as_json(complete.agents["a1"])["queues"] == ["a", "bare", "q"]


def test_change_replaces_the_section_of_the_file() -> None:
    result = apply_changes(
        instance(), [change("agents", "a1", {"name": "Ann"}), change("queues", "new", {"hours": "never"})]
    )
    assert result.agents["a1"].model_dump() == {"name": "Ann", "queues": None, "capacity": 4, "supervisor": False}
    assert result.schedule("new") == result.hours["never"]
    assert (result.hours, result.workstreams, result.agents["a2"]) == (
        instance().hours,
        instance().workstreams,
        instance().agents["a2"],
    )


def test_deleted_section_is_removed() -> None:
    result = apply_changes(instance(), [change("agents", "a1", None), change("agents", "nobody", None)])
    assert set(result.agents) == {"a2", "a3"}


MISTAKES: list[tuple[str, str, Any, str]] = [
    ("workstreams", "w", {"mode": "live"}, "workstreams.w.queue: is missing"),
    ("workstreams", "w", {"mode": "live", "queue": "q", "open_age": "x"}, "workstreams.w.open_age: "),
    ("workstreams", "w", {"mode": "live", "queue": "q", "typo": 1}, "workstreams.w.typo: "),
    (
        "workstreams",
        "w",
        {"mode": "live", "queue": "q", "texts": {"greeting": {"en": "Hi {Me}"}}},
        "workstreams.w.texts.greeting: there is no {Me}",
    ),
    (
        "workstreams",
        "w",
        {"mode": "live", "queue": "q", "survey": {"thanks": "\x00"}},
        "workstreams.w.survey.thanks: ",
    ),
    ("workstreams", "not a name", {"mode": "live", "queue": "q"}, "workstreams.not a name: "),
    ("workstreams", "w", None, "workstreams: "),
    *(
        ("workstreams", "w", {"mode": "live", "queue": "q", key: value}, f"workstreams.w.{key}: ")
        for key, value in [
            ("distribution", "x"),
            ("offer_within", "never"),
            ("missed_offers", 0),
            ("missed_offers", 10**20),
            ("missed_offers", None),
            ("units", 0),
            ("units", 1_001),
            ("priority", 100),
            ("same_agent", "x"),
            ("wrap_up_holds", "sometimes"),
            ("wrap_up_holds", 0),
            ("customer_identity", "x"),
        ]
    ),
    (
        "workstreams",
        "w",
        {"mode": "live", "queue": "q", "allowed_statuses": ["away"]},
        "workstreams.w.allowed_statuses.0: ",
    ),
    (
        "workstreams",
        "w",
        {"mode": "live", "queue": "q", "customer_identity": "signed"},
        "workstreams: w.customer_identity: the instance has no table customer_identity",
    ),
    ("queues", "q", {"method": "x"}, "queues.q.method: "),
    ("agents", "a", {"name": "Ann", "capacity": -1}, "agents.a.capacity: "),
    ("agents", "a", {"name": "Ann", "supervisor": "x"}, "agents.a.supervisor: "),
    ("queues", "q", QUEUE, "queues: q.hours: there are no hours 'h'"),
    ("agents", "a", {"name": "\x00"}, "agents.a.name: "),
    ("agents", "a", {}, "agents.a.name: is missing"),
    ("hours", "h", {"time_zone": "UTC", "closed": ["x"]}, "hours.h.closed.0: "),
    ("colours", "red", {}, "colours: can be workstreams, queues, hours, agents"),
]


@pytest.mark.parametrize(("kind", "name", "value", "message"), MISTAKES)
def test_error_names_the_key(kind: str, name: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidConfiguration) as problem:
        apply_changes(MINIMAL, [change(kind, name, value)])
    assert str(problem.value).startswith(message)


def test_wrong_item_does_not_make_its_list_too_short() -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        apply_changes(MINIMAL, [change("workstreams", "w", {"mode": "live", "queue": "q", "allowed_statuses": ["x"]})])
    message = "workstreams.w.allowed_statuses.0: must be 'available', 'busy' or 'busy-do-not-disturb'"
    assert str(raised.value) == message


def test_error_lists_only_the_first_of_many_mistakes() -> None:
    with pytest.raises(InvalidConfiguration) as problem:
        apply_changes(MINIMAL, [change("agents", "a", {"name": "Ann", "queues": [1] * 10_000})])
    assert str(problem.value).startswith("agents.a.queues.0: ")
    assert str(problem.value).endswith("; and 9990 more")
    assert str(problem.value).count(";") == 10


def test_dependent_changes_fit_in_any_order() -> None:
    workstreams = [change("workstreams", "v", {"mode": "live", "queue": "q"}), change("workstreams", "w", None)]
    for order in permutations([change("queues", "q", QUEUE), change("hours", "h", HOURS), *workstreams]):
        result = merge(MINIMAL, order)
        assert result.unfit == ()
        assert (result.instance.schedule("q"), set(result.instance.workstreams)) == (result.instance.hours["h"], {"v"})


def test_only_changes_that_do_not_fit_are_left_out() -> None:
    agents = [change("agents", f"a{n}", {"name": f"{n}"}, n) for n in range(1, 40)]
    unfit_changes = [change("queues", "q", QUEUE, 40), change("hours", "odd", {"time_zone": "Atlantis"}, 41)]
    fitting_changes = [change("queues", "p", {}, 42), change("agents", "a3", None, 43)]
    result = merge(MINIMAL, [*agents, *unfit_changes, *fitting_changes])
    assert [(unfit_change, reason.partition(":")[0]) for unfit_change, reason in result.unfit] == [
        (unfit_changes[0], "queues"),
        (unfit_changes[1], "hours.odd.time_zone"),
    ]
    assert (set(result.instance.queues), len(result.instance.agents)) == ({"p"}, 38)
    assert [
        unfit_change for unfit_change, _ in merge(MINIMAL, [*unfit_changes, change("hours", "h", HOURS, 44)]).unfit
    ] == [unfit_changes[1]]


@pytest.mark.parametrize("kind", EXAMPLES)
def test_api_examples_are_valid(kind: str) -> None:
    office = apply_changes(MINIMAL, [change("hours", "office", EXAMPLES["hours"])])
    result = apply_changes(office, [change(kind, "example", EXAMPLES[kind])])
    assert section_as_json(sections_of(result, kind)["example"]) == EXAMPLES[kind]


def test_demo_file_can_be_shown_and_read_again() -> None:
    for complete in Settings.model_validate(tomllib.loads((ROOT / "perennial.toml").read_text())).instances.values():
        tables = {
            kind: {name: section_as_json(section) for name, section in sections_of(complete, kind).items()}
            for kind in SECTIONS
        }
        # what can be changed at run time
        assert InstanceSettings.model_validate(tables) == complete.model_copy(update={"chat_pages": None})
