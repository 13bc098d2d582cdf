"""Encryption of what Temporal stores: a codec for its payloads, AES-256-GCM under keys of the settings.

Whatever has no payload of its own (ids, search attributes, names of signals) stays readable, so it holds nothing personal.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec

ENCODING = b"binary/encrypted"
"""The value of the metadata `encoding` of an encrypted payload, as in Temporal's own examples."""

KEY_ID = "encryption-key-id"
"""The metadata that names the key."""

_SALT_BYTES = 16
_NONCE_BYTES = 12
_REMEMBERED_CIPHERS = 1_000


class NotDecrypted(Exception):
    """A payload cannot be decrypted. The message names the key that it needs, and has no content."""


class _Key:
    """A key of the settings. Each process has keys of its own, derived with a random salt, and counts its nonces.

    So no nonce is used twice under a key. Random nonces of 96 bits would be good for 2^32 payloads, which is weeks.
    """

    def __init__(self, secret: str) -> None:
        self._root = _derived(secret.encode(), b"perennial payload encryption")
        self.id = _derived(self._root, b"key id").hex()[:16]
        self._associated = self.id.encode()
        self._salt = os.urandom(_SALT_BYTES)
        self._nonces = count()
        self._ciphers: dict[bytes, AESGCM] = {}

    def encrypt(self, content: bytes) -> bytes:
        """Encrypt. The result begins with salt and nonce."""
        nonce = next(self._nonces).to_bytes(_NONCE_BYTES)
        return b"".join((self._salt, nonce, self._cipher(self._salt).encrypt(nonce, content, self._associated)))

    def decrypt(self, encrypted: bytes) -> bytes:
        """Decrypt what `encrypt` returned, in any process. Raises `NotDecrypted` for anything else."""
        salt, nonce = encrypted[:_SALT_BYTES], encrypted[_SALT_BYTES : _SALT_BYTES + _NONCE_BYTES]
        try:
            return self._cipher(salt).decrypt(nonce, encrypted[_SALT_BYTES + _NONCE_BYTES :], self._associated)
        except (InvalidTag, ValueError):
            raise NotDecrypted(f"a payload is damaged, or was not encrypted with key {self.id}") from None

    def _cipher(self, salt: bytes) -> AESGCM:
        found = self._ciphers.get(salt)
        if found is None:
            if len(self._ciphers) >= _REMEMBERED_CIPHERS:
                self._ciphers.clear()
            found = self._ciphers[salt] = AESGCM(_derived(self._root, salt))
        return found


class EncryptionCodec(PayloadCodec):
    """Encrypts payloads with the first key, and decrypts with all. Payloads that are not encrypted pass through."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """Derive the keys from at least one secret."""
        keys = [_Key(secret) for secret in secrets]
        self._first = keys[0]
        self._keys = {key.id: key for key in keys}

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt payloads, each with its metadata."""
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt payloads.

        Raises:
            NotDecrypted: a payload has another key, or is damaged.
        """
        return [self._decrypted(payload) for payload in payloads]

    async def decode_readable(self, payloads: Iterable[Payload]) -> list[Payload]:
        """Decrypt the payloads that can be decrypted. The others stay as they are."""
        return [self._decrypted_or_same(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        metadata = {"encoding": ENCODING, KEY_ID: self._first.id.encode()}
        return Payload(metadata=metadata, data=self._first.encrypt(payload.SerializeToString()))

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        id = payload.metadata.get(KEY_ID, b"").decode(errors="replace")
        key = self._keys.get(id)
        if key is None:
            raise NotDecrypted(f"a payload is encrypted with key {id}, and the settings have {', '.join(self._keys)}")
        return Payload.FromString(key.decrypt(payload.data))

    def _decrypted_or_same(self, payload: Payload) -> Payload:
        try:
            return self._decrypted(payload)
        except NotDecrypted:
            return payload


def data_converter(secrets: Sequence[str]) -> DataConverter:
    """The converter of all payloads: JSON by pydantic, and encrypted if there are secrets.

    Encrypted are also the texts of failures, which otherwise have no payload. A process without secrets reads no encrypted
    payload; one with secrets reads both kinds.
    """
    if not secrets:
        return pydantic_data_converter
    return replace(
        pydantic_data_converter,
        payload_codec=EncryptionCodec(secrets),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def _derived(key: bytes, purpose: bytes) -> bytes:
    """A key of 32 bytes for a purpose (HMAC-SHA-256)."""
    return hmac.digest(key, purpose, "sha256")
