"""What a table of the configuration looks like, for the API's own description: a schema and an example of each kind."""

from __future__ import annotations

from typing import Any

from api.described import whole_schema
from configuration.merging import KINDS

EXAMPLES: dict[str, dict[str, Any]] = {
    "workstreams": {
        "mode": "live",
        "queue": "live",
        "open_age": "PT1H",
        "duration": "never",
        "reconnection": {"limit": "PT15M", "redirect_url": "https://example.org/late"},
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
"""A table of each kind."""


def _schema(kind: str) -> dict[str, Any]:
    return whole_schema(KINDS[kind]) | {"title": kind, "example": EXAMPLES[kind]}


_ANY: dict[str, Any] = {"anyOf": [_schema(kind) for kind in KINDS]}
_EXAMPLES = {kind: {"value": example} for kind, example in EXAMPLES.items()}

BODY = {"required": True, "content": {"application/json": {"schema": _ANY, "examples": _EXAMPLES}}}
"""A table as the body of a request."""

TABLE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": _ANY, "examples": _EXAMPLES}}}
}
"""A table as an answer."""

TABLES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "application/json": {
                "schema": {"type": "object", "additionalProperties": _ANY},
                "examples": {kind: {"value": {"name": example}} for kind, example in EXAMPLES.items()},
            }
        }
    }
}
"""Tables by their names as an answer."""

_CHANGE: dict[str, Any] = {
    "kind": "workstreams",
    "name": "live",
    "deleted": False,
    "changed_at": "2026-03-02T09:15:04.120Z",
    "changed_by": "perennial",
    "unfit": None,
}

INSTANCE: dict[int | str, dict[str, Any]] = {
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
"""A whole instance as an answer."""
