"""Signatures of deliveries, as Standard Webhooks 1.0 describes them."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from configuration.schema.webhooks import secret_bytes


def signed_headers(secrets: Sequence[str], event_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers with which a receiver verifies a delivery. Each secret makes one signature.

    Args:
        secrets: those of the endpoint; empty: the delivery has no signature.
        event_id: the id of the event, the same for each attempt.
        at: when this attempt is sent. Receivers refuse old ones.
        body: exactly what is sent.
    """
    timestamp = str(int(at.timestamp()))
    signed = b".".join([event_id.encode(), timestamp.encode(), body])
    digests = (hmac.digest(secret_bytes(secret), signed, sha256) for secret in secrets)
    signatures = " ".join(f"v1,{b64encode(digest).decode()}" for digest in digests)
    headers = {"webhook-id": event_id, "webhook-timestamp": timestamp}
    return {**headers, "webhook-signature": signatures} if signatures else headers
