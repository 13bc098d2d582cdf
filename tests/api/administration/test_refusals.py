"""Refused changes of the configuration, and denied keys."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.administration.openapi import EXAMPLES
from tests.api.administration.admin import DENIED, KINDS, LIVE_WORKSTREAM, NOT_FOUND, ONE, REFUSED, Admin
from tests.api.calls import Api, assert_refused, with_member
from tests.stack import SECRET


@pytest.mark.parametrize(
    ("method", "path", "body", "mention"),
    [
        ("PUT", "/workstreams/w", {"mode": "live"}, "workstreams.w.queue: is missing"),
        (
            "PUT",
            "/workstreams/w",
            LIVE_WORKSTREAM | {"texts": {"greeting": "Hello {Me}."}},
            "workstreams.w.texts.greeting: there is no {Me}; a text can name {AgentName}",
        ),
        ("PUT", "/workstreams/w", LIVE_WORKSTREAM | {"open_age": "soon"}, "workstreams.w.open_age: must be a duration"),
        ("PUT", "/workstreams/w", LIVE_WORKSTREAM | {"open_age": True}, "workstreams.w.open_age: must be a duration"),
        ("PUT", "/workstreams/w", LIVE_WORKSTREAM | {"units": True}, "workstreams.w.units: must be a number"),
        ("PUT", "/workstreams/w", LIVE_WORKSTREAM | {"priority": True}, "workstreams.w.priority: must be a number"),
        ("PUT", "/workstreams/w", LIVE_WORKSTREAM | {"missed_offers": True}, "workstreams.w.missed_offers: must be "),
        ("PUT", "/agents/a", {"name": "Ann", "capacity": True}, "agents.a.capacity: must be a number"),
        ("PUT", "/agents/a", {"name": "Ann", "queues": 5}, "agents.a.queues: must be a list"),
        ("PUT", "/workstreams/w", LIVE_WORKSTREAM | {"idle_rules": 5}, "workstreams.w.idle_rules: must be a list"),
        (
            "PUT",
            "/workstreams/w",
            LIVE_WORKSTREAM | {"survey": {"questions": [5]}},
            "workstreams.w.survey.questions.0: must be an object",
        ),
        (
            "PUT",
            "/workstreams/w",
            LIVE_WORKSTREAM | {"allowed_statuses": []},
            "workstreams.w.allowed_statuses: must not be empty",
        ),
        ("PUT", "/workstreams/w", LIVE_WORKSTREAM | {"open_age": -5}, "workstreams.w.open_age: "),
        (
            "PUT",
            "/workstreams/w",
            LIVE_WORKSTREAM | {"waiting_period": "P1D"},
            "workstreams.w.waiting_period: is for persistent",
        ),
        ("PUT", "/workstreams/w", LIVE_WORKSTREAM | {"colour": "red"}, "workstreams.w.colour: "),
        ("PUT", "/workstreams/a%20b", LIVE_WORKSTREAM, "workstreams.a b: "),
        ("PUT", f"/queues/{'x' * 101}", {}, f"queues.{'x' * 101}: "),
        ("PUT", "/queues/q", {"hours": "none"}, "queues: q.hours: there are no hours 'none'"),
        ("PUT", "/hours/h", {"time_zone": "UTC", "special": {"31.12.2026": []}}, "hours.h.special.31.12.2026: "),
        *(
            ("PUT", "/hours/h", {"time_zone": "UTC", "holidays": {"country": country}}, "hours.h.holidays.country: ")
            for country in ("Atlantis", "utils", "__name__", "HolidayBase", "country_holidays", "\x00", "")
        ),
        ("PUT", "/workstreams/w", LIVE_WORKSTREAM | {"wrap_up_holds": "x"}, "workstreams.w.wrap_up_holds: "),
        ("PUT", "/workstreams/w", LIVE_WORKSTREAM | {"missed_offers": 10**20}, "workstreams.w.missed_offers: "),
        ("PUT", "/queues/q", {"method": "x"}, "queues.q.method: "),
        ("PUT", "/agents/a", {"name": "Ann", "capacity": 1_001}, "agents.a.capacity: "),
        ("PUT", "/agents/a", {"name": ""}, "agents.a.name: must not be empty"),
        ("PUT", "/agents/a", b'{"name": "\\u0000"}', "agents.a.name: "),
        ("PUT", "/agents/a", b'{"name": "\\ud800"}', "The request body is not valid JSON: "),
        ("PUT", "/agents/a", b'{"name": NaN}', "The request body is not valid JSON: "),
        ("PUT", "/agents/a", b'{"name": ', "The request body is not valid JSON: "),
        ("PUT", "/agents/a", b"[" * 100_000, "The request body is not valid JSON: "),
        ("PUT", "/agents/a", [], "The request body: must be an object."),
        ("PUT", "/agents/a", b"\xff", "The request body is not valid JSON: "),
        ("PUT", "/agents/a", None, "agents.a.name: is missing"),
        ("DELETE", "/workstreams/persistent", None, "workstreams: "),
        # the audit log would get the name, and PostgreSQL takes neither
        ("POST", "/queues/%00/reset", None, "name: "),
        ("POST", f"/queues/{'x' * 3_000}/reset", None, "name: "),
    ],
)
def test_invalid_change_is_refused_and_names_the_wrong_value(
    tenant_admin: Admin, method: str, path: str, body: Any, mention: str
) -> None:
    before = tenant_admin.get()
    refused = tenant_admin.send(method, path, body)
    assert_refused(refused, *REFUSED, mention)
    assert refused.json()["Message"].startswith(mention)
    assert tenant_admin.get() == before


def test_oversized_body_is_refused(tenant_admin: Admin) -> None:
    assert_refused(
        tenant_admin.send("PUT", "/agents/a", b'{"name": "' + b"x" * 1_000_000), 413, "InvalidRequestException"
    )


@pytest.mark.parametrize(
    "path", ["/colours", "/colours/red", "/queues/none", "/agents/none", "/agents/%2e%2e", "/agents/a%2Fb"]
)
def test_unknown_kinds_and_names_are_not_found(tenant_admin: Admin, path: str) -> None:
    assert_refused(tenant_admin.send("GET", path), *NOT_FOUND)
    if path.count("/") == 2:
        assert_refused(tenant_admin.send("DELETE", path), *NOT_FOUND)
    if path == "/colours/red":
        assert_refused(tenant_admin.send("PUT", path, {}), *NOT_FOUND, "kind: there are no 'colours'")
        assert_refused(tenant_admin.reset(path), *NOT_FOUND)


def test_unknown_instance_is_not_found(tenants: Api) -> None:
    assert_refused(Admin(tenants, "three").send("GET"), *NOT_FOUND, "instance: there is no instance 'three'")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/agents"),
        ("GET", "/agents/a1"),
        ("PUT", "/agents/a1"),
        ("DELETE", "/agents/a1"),
        ("POST", "/agents/a1/reset"),
    ],
)
def test_key_of_another_instance_is_denied(tenants: Api, method: str, path: str) -> None:
    body = {"name": "Agent of Two"} if method == "PUT" else None
    assert_refused(
        Admin(tenants, "two", ONE).send(method, path, body), *NOT_FOUND, "no instance 'two' for this access key"
    )
    for secret in (SECRET, "secret-of-the-key-none"):
        assert_refused(Admin(tenants, "two", secret).send(method, path, body), *DENIED)
    assert Admin(tenants, "one", ONE).send("GET", "/agents/a1").json() == {"name": "Agent of One"}


JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
MEMBERS = {
    "workstreams": (
        "mode",
        "queue",
        "open_age",
        "reconnect_window",
        "texts.greeting",
        "idle_rules",
        "survey.questions",
        "units",
        "missed_offers",
        "allowed_statuses",
        "wrap_up_holds",
    ),
    "queues": ("hours", "method"),
    "hours": ("time_zone", "weekly.mon", "holidays.country", "closed", "special.2026-12-31"),
    "agents": ("name", "queues", "capacity", "supervisor"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_arbitrary_value_is_refused_or_stored_unchanged(tenant_admin: Admin, kind: str) -> None:
    tenant_admin.put("/hours/office", EXAMPLES["hours"])

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.sampled_from(MEMBERS[kind]), JSON)
    def put_value(member: str, value: Any) -> None:
        response = tenant_admin.send("PUT", f"/{kind}/odd", with_member(EXAMPLES[kind], member, value))
        if response.status_code != 200:
            assert_refused(response, *REFUSED, f"{kind}")
        else:
            assert tenant_admin.put(f"/{kind}/odd", response.json()) == response.json()

    put_value()
