"""What the file says and what was changed, put together; and what comes out goes in again."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from api.administration.openapi import EXAMPLES
from configuration.merging import KINDS, changed, merged, shown, table
from configuration.problems import Unfit
from runtime.instances import Instance
from runtime.settings import Settings
from store.configuration import Change
from tests.stack import ROOT

EVERYTHING = """
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
wrap_up = "PT90M"
customer_may_end = false
reconnection = { limit = "P36525D", portal_url = "https://example.org/chat?x=1", redirect_url = "http://127.0.0.1:1/" }
texts = { greeting = { en = "Hi", DE = "Hallo", "*" = "!" }, ended = "", agent_joined = "Süß\\u2028" }
distribution = "pick"
offer_within = 45
auto_accept = true
allowed_presences = ["busy", "available", "busy"]
missed_offers = "never"
units = 3
priority = 1
same_agent = "off"
same_agent_wait = "PT90S"
wrap_up_holds = 30
over_capacity = false
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


def instance(toml: str = EVERYTHING) -> Instance:
    return Instance.model_validate(tomllib.loads(toml))


def change(kind: str, name: str, value: dict[str, Any] | None, revision: int = 1) -> Change:
    return Change(kind, name, value, revision, datetime(2026, 11, 20, tzinfo=UTC), "key")


PLAIN = instance('workstreams.w = { mode = "live", queue = "q" }')
H, Q = {"time_zone": "UTC"}, {"hours": "h"}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in table(instance(), kind)])
def test_what_comes_out_goes_in_again(kind: str, name: str) -> None:
    whole = instance()
    out = json.loads(json.dumps(shown(table(whole, kind)[name])))
    again = changed(whole, [change(kind, name, out)])
    assert again == whole
    assert shown(table(again, kind)[name]) == out


def test_every_key_there_is_goes_round() -> None:
    """A key that is added to a table is to be tried here too."""
    tried = {
        kind: {key for section in table(instance(), kind).values() for key in section.model_fields_set}
        for kind in KINDS
    }
    assert tried == {kind: set(section.model_fields) - {"reconnect_window"} for kind, section in KINDS.items()}


def test_how_it_comes_out() -> None:
    whole = instance()
    full, hours = shown(whole.workstreams["full"]), shown(whole.hours["office"])
    assert (full["connect_within"], full["open_age"], full["duration"]) == ("never", "P400DT1.5S", "P1DT1H")
    assert (full["wrap_up"], full["agent_grace"], full["reconnection"]["limit"]) == ("PT1H30M", "PT0.25S", "P36525D")
    assert full["texts"] == {
        "greeting": {"en": "Hi", "de": "Hallo", "*": "!"},
        "ended": "",
        "agent_joined": "Süß\u2028",
    }
    assert (full["allowed_presences"], full["missed_offers"]) == (["available", "busy"], "never")
    assert (full["offer_within"], full["same_agent_wait"], full["wrap_up_holds"]) == ("PT45S", "PT1M30S", "PT30S")
    assert hours["weekly"] == {
        "mon": ["08:00-12:00", "13:00-24:00"],
        "fri": ["22:00-02:00"],
        "sat": ["00:00-24:00"],
        "sun": ["08:00-08:00"],
    }
    assert hours["closed"] == ["2026-11-02", "2026-12-23", "2026-12-24"]
    assert hours["special"] == {"2026-12-31": ["08:00-12:00"], "2027-01-01": []}
    bare = shown(whole.workstreams["bare"])
    assert (bare["waiting_period"], bare["missed_offers"], bare["wrap_up_holds"]) == ("never", 1, "never")
    assert (shown(whole.queues["bare"]), shown(whole.agents["a2"])) == ({}, {"queues": [], "name": "Agent Two"})
    assert shown(whole.agents["a1"])["queues"] == ["a", "bare", "q"]


def test_a_change_takes_the_place_of_what_the_file_says() -> None:
    now = changed(instance(), [change("agents", "a1", {"name": "Ann"}), change("queues", "new", {"hours": "never"})])
    assert now.agents["a1"].model_dump() == {"name": "Ann", "queues": None, "capacity": 4, "supervisor": False}
    assert now.schedule("new") == now.hours["never"]
    assert (now.hours, now.workstreams, now.agents["a2"]) == (
        instance().hours,
        instance().workstreams,
        instance().agents["a2"],
    )


def test_what_is_deleted_is_gone() -> None:
    now = changed(instance(), [change("agents", "a1", None), change("agents", "nobody", None)])
    assert set(now.agents) == {"a2", "a3"}


MISTAKES: list[tuple[str, str, Any, str]] = [
    ("workstreams", "w", {"mode": "live"}, "workstreams.w.queue: Field required"),
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
        ]
    ),
    (
        "workstreams",
        "w",
        {"mode": "live", "queue": "q", "allowed_presences": ["away"]},
        "workstreams.w.allowed_presences.0: ",
    ),
    ("queues", "q", {"method": "x"}, "queues.q.method: "),
    ("agents", "a", {"name": "Ann", "capacity": -1}, "agents.a.capacity: "),
    ("agents", "a", {"name": "Ann", "supervisor": "x"}, "agents.a.supervisor: "),
    ("queues", "q", Q, "queues: q.hours: there are no hours 'h'"),
    ("agents", "a", {"name": "\x00"}, "agents.a.name: "),
    ("agents", "a", {}, "agents.a.name: Field required"),
    ("hours", "h", {"time_zone": "UTC", "closed": ["x"]}, "hours.h.closed.0: "),
    ("colours", "red", {}, "colours: can be workstreams, queues, hours, agents"),
]


@pytest.mark.parametrize(("kind", "name", "value", "mistake"), MISTAKES)
def test_a_mistake_is_named_by_its_key(kind: str, name: str, value: Any, mistake: str) -> None:
    with pytest.raises(Unfit) as problem:
        changed(PLAIN, [change(kind, name, value)])
    assert str(problem.value).startswith(mistake)


def test_of_very_many_mistakes_the_first_are_named() -> None:
    with pytest.raises(Unfit) as problem:
        changed(PLAIN, [change("agents", "a", {"name": "Ann", "queues": [1] * 10_000})])
    assert str(problem.value).startswith("agents.a.queues.0: ")
    assert str(problem.value).endswith("; and 9990 more")
    assert str(problem.value).count(";") == 10


def test_changes_that_need_each_other_fit_in_any_order() -> None:
    workstreams = [change("workstreams", "v", {"mode": "live", "queue": "q"}), change("workstreams", "w", None)]
    for order in permutations([change("queues", "q", Q), change("hours", "h", H), *workstreams]):
        now = merged(PLAIN, order)
        assert now.unfit == ()
        assert (now.instance.schedule("q"), set(now.instance.workstreams)) == (now.instance.hours["h"], {"v"})


def test_what_does_not_fit_any_more_is_left_out_and_nothing_else() -> None:
    many = [change("agents", f"a{n}", {"name": f"{n}"}, n) for n in range(1, 40)]
    odd = [change("queues", "q", Q, 40), change("hours", "odd", {"time_zone": "Atlantis"}, 41)]
    more = [change("queues", "p", {}, 42), change("agents", "a3", None, 43)]
    now = merged(PLAIN, [*many, *odd, *more])
    assert [(made, reason.partition(":")[0]) for made, reason in now.unfit] == [
        (odd[0], "queues"),
        (odd[1], "hours.odd.time_zone"),
    ]
    assert (set(now.instance.queues), len(now.instance.agents)) == ({"p"}, 38)
    assert [made for made, _ in merged(PLAIN, [*odd, change("hours", "h", H, 44)]).unfit] == [odd[1]]


@pytest.mark.parametrize("kind", KINDS)
def test_the_examples_of_the_api_are_right(kind: str) -> None:
    office = changed(PLAIN, [change("hours", "office", EXAMPLES["hours"])])
    now = changed(office, [change(kind, "example", EXAMPLES[kind])])
    assert shown(table(now, kind)["example"]) == EXAMPLES[kind]


def test_the_file_of_the_demo_goes_round() -> None:
    for whole in Settings.model_validate(tomllib.loads((ROOT / "perennial.toml").read_text())).instances.values():
        tables = {kind: {name: shown(section) for name, section in table(whole, kind).items()} for kind in KINDS}
        assert Instance.model_validate(tables) == whole
