"""Amazon Connect's reasons for the end of a chat."""

from __future__ import annotations

from collections.abc import Mapping

from domain.contacts import EndReason

_REASONS: Mapping[EndReason, str] = {
    EndReason.CUSTOMER_ENDED: "CUSTOMER_DISCONNECT",
    EndReason.AGENT_ENDED: "AGENT_DISCONNECT",
    EndReason.CUSTOMER_LOST: "OTHER",
    EndReason.NEVER_CONNECTED: "OTHER",
    EndReason.OPEN_TOO_LONG: "OTHER",
    EndReason.WAITED_TOO_LONG: "OTHER",
    EndReason.CUSTOMER_SILENT: "OTHER",
    EndReason.AUTO_DISCONNECTED: "OTHER",
    EndReason.AGENT_LOST: "OTHER",
    EndReason.DURATION_REACHED: "OTHER",
    EndReason.WORKFLOW_GONE: "OTHER",
}


def disconnect_reason(reason: EndReason | None) -> str | None:
    """Return the reason on the wire; None without one. A stopped chat has none, and neither has a transferred contact."""
    return _REASONS.get(reason) if reason else None
