"""Pseudonyms of customers, for places that hold nothing personal."""

from __future__ import annotations

from hashlib import sha256


def customer_hash(instance: str, customer_id: str) -> str:
    """The first 32 hexadecimal digits of the SHA-256 of `instance/customer_id` in UTF-8.

    It is a pseudonym, not a secret: it can be computed from the id.
    """
    return sha256(f"{instance}/{customer_id}".encode()).hexdigest()[:32]
