"""Public keys of others: which keys may verify a token, and with which algorithm.

A key has one algorithm. So a token cannot choose another one, such as an HMAC with the public key as its secret.
"""

from __future__ import annotations

from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

RSA_BITS = range(2_048, 8_193)
"""Sizes of RSA keys. Smaller ones are weak, and larger ones make each verification slow."""

KEY_EXPECTED = "must be a public key in PEM: RSA with 2048 to 8192 bits, or EC on the curve P-256"


class PublicKey(NamedTuple):
    """A key with the one algorithm that it verifies: `RS256` or `ES256`."""

    algorithm: str
    key: RSAPublicKey | EllipticCurvePublicKey


def public_key(key: object) -> PublicKey | None:
    """Return a key of `cryptography` with its algorithm; None if it may not verify tokens."""
    if isinstance(key, RSAPublicKey) and key.key_size in RSA_BITS:
        return PublicKey("RS256", key)
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return PublicKey("ES256", key)
    return None


def public_key_of_pem(text: str) -> PublicKey:
    """Return the key of a PEM text.

    Raises:
        ValueError: it is none, or may not verify tokens.
    """
    try:
        found = public_key(load_pem_public_key(text.encode()))
    except (ValueError, UnsupportedAlgorithm):
        found = None
    if found is None:
        raise ValueError(KEY_EXPECTED)
    return found
