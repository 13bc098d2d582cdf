"""OpenAPI of the administration: a schema and an example of each kind of table."""

from __future__ import annotations

from typing import Any

from api.openapi import Schema, inline_schema, json_content
from configuration.merging import SECTIONS

TABLES = {kind: schema for kind, schema in SECTIONS.items() if kind != "webhooks"}
"""The kinds of tables that are shown whole. Webhooks have secrets, and operations of their own."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "workstreams": {
        "mode": "live",
        "queue": "live",
        "open_age": "PT1H",
        "duration": "never",
        "reconnect_window": "PT15M",
        "reconnection": {"redirect_url": "https://example.org/late"},
        "texts": {"greeting": {"en": "Hello {CustomerName}.", "de": "Guten Tag, {CustomerName}."}, "ended": ""},
        "idle_rules": [
            {"silent": "customer", "after": "PT10M", "action": "remind", "text": "Are you still there?"},
            {"silent": "customer", "after": "PT15M", "action": "close"},
        ],
        "survey": {"questions": [{"key": "score", "text": "How did we do?", "choices": ["Good", "Poor"]}]},
    },
    "queues": {"hours": "office"},
    "hours": {
        "time_zone": "Europe/Vienna",
        "weekly": {"mon": ["08:00-12:00", "13:00-17:00"], "fri": ["22:00-02:00"]},
        "holidays": {"country": "AT", "subdivision": "9"},
        "closed": ["2026-12-24"],
        "special": {"2026-12-31": ["08:00-12:00"]},
    },
    "agents": {"name": "Agent One", "queues": ["live"]},
}
"""An example table of each kind."""


def _schema(kind: str) -> Schema:
    return inline_schema(TABLES[kind]) | {"title": kind, "example": EXAMPLES[kind]}


_ANY_TABLE: Schema = {"anyOf": [_schema(kind) for kind in TABLES]}
_TABLE = json_content(_ANY_TABLE, examples={kind: {"value": example} for kind, example in EXAMPLES.items()})

TABLE_BODY: dict[str, Any] = {"required": True, **_TABLE}
"""Request body: one table."""

TABLE_RESPONSE: dict[int | str, dict[str, Any]] = {200: _TABLE}
"""Response: one table."""

TABLES_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: json_content(
        {"type": "object", "additionalProperties": _ANY_TABLE},
        examples={kind: {"value": {"name": example}} for kind, example in EXAMPLES.items()},
    )
}
"""Response: tables by name."""

_CHANGE: dict[str, Any] = {
    "kind": "workstreams",
    "name": "live",
    "deleted": False,
    "changed_at": "2026-03-02T09:15:04.120Z",
    "changed_by": "perennial",
    "unfit": None,
}

INSTANCE_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "application/json": {
                "example": {
                    "instance": "demo",
                    "revision": 1,
                    **{kind: {"live": example} for kind, example in EXAMPLES.items()},
                    "changes": [_CHANGE],
                }
            }
        }
    }
}
"""Response: the configuration of an instance."""
