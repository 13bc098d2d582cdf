"""The tables of those whose tokens are believed: mistakes name the key, and no key that is weak or secret is accepted."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from configuration.schema.instances import InstanceSettings
from configuration.schema.public_keys import KEY_EXPECTED
from configuration.schema.sections import mistakes
from tests.api.token_issuer import private_key, public_pem

URL = "https://login.example.org/keys"
PROVIDER = {"issuer": "https://login.example.org", "audience": "perennial", "jwks_url": URL}
WORKSTREAMS = {"w": {"mode": "live", "queue": "q"}}
HTTPS = "must be https://...; http:// is for addresses of this machine, for development"


def private_pem() -> str:
    return private_key("ec").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def read(**tables: Any) -> InstanceSettings:
    return InstanceSettings.model_validate({"workstreams": WORKSTREAMS, **tables})


def mistake(**tables: Any) -> str:
    with pytest.raises(ValidationError) as raised:
        read(**tables)
    return mistakes(raised.value, InstanceSettings)


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:8000/keys", "http://localhost/keys", "http://[::1]:1/keys"])
def test_keys_come_by_https_or_from_this_machine(url: str) -> None:
    provider = read(identity_provider={**PROVIDER, "jwks_url": url}).identity_provider
    assert provider
    assert (provider.jwks_url, provider.user_claim) == (url, "sub")


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example.org/keys",
        "http://127.0.0.1.evil.example.org/keys",
        "http://localhost.example.org/keys",
        "http://10.0.0.1/keys",
    ],
)
def test_keys_from_elsewhere_need_https(url: str) -> None:
    assert mistake(identity_provider={**PROVIDER, "jwks_url": url}) == f"identity_provider.jwks_url: {HTTPS}"


@pytest.mark.parametrize("user", ["me:secret", "me", ":secret", ""])
def test_address_of_keys_has_no_password(user: str) -> None:
    url = f"https://{user}@login.example.org/keys"
    expected = "identity_provider.jwks_url: must have no user and no password: addresses stand in logs"
    assert mistake(identity_provider={**PROVIDER, "jwks_url": url}) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"issuer": ...}, "identity_provider.issuer: is missing"),
        ({"issuer": ""}, "identity_provider.issuer: must not be empty"),
        ({"audience": ...}, "identity_provider.audience: is missing"),
        ({"audience": None}, "identity_provider.audience: must be a text"),
        ({"jwks_url": ...}, "identity_provider: needs either jwks_url or keys"),
        ({"keys": {"k": public_pem("ec")}}, "identity_provider: needs either jwks_url or keys"),
        ({"jwks_url": "file:///etc/passwd"}, "identity_provider.jwks_url: must be http://... or https://..."),
        ({"algorithms": ["none"]}, "identity_provider.algorithms: is not known here"),
        ({"user_claims": "x"}, "identity_provider.user_claims: is not known here; did you mean user_claim?"),
    ],
)
def test_mistake_names_the_key(change: dict[str, Any], message: str) -> None:
    values = {name: value for name, value in {**PROVIDER, **change}.items() if value is not ...}
    assert mistake(identity_provider=values) == message


@pytest.mark.parametrize("name", ["rsa", "ec"])
def test_public_keys_are_accepted(name: str) -> None:
    assert read(customer_identity={"issuer": "shop", "keys": {"k": public_pem(name)}}).customer_identity


@pytest.mark.parametrize(
    "pem",
    [public_pem("weak rsa"), public_pem("other curve"), private_pem(), "", "nonsense", "-----BEGIN PUBLIC KEY-----"],
)
def test_other_keys_are_refused(pem: str) -> None:
    assert (
        mistake(customer_identity={"issuer": "shop", "keys": {"k": pem}}) == f"customer_identity.keys.k: {KEY_EXPECTED}"
    )


def test_workstream_needs_somebody_who_signs() -> None:
    signed = {"w": {**WORKSTREAMS["w"], "customer_identity": "signed"}}
    missing = "workstreams: w.customer_identity: the instance has no table customer_identity"
    assert mistake(workstreams=signed) == missing
    assert read(workstreams=signed, customer_identity={"issuer": "shop", "jwks_url": URL})
    # the mistake is in the table, and not that there is none
    assert mistake(workstreams=signed, customer_identity={"issuer": "shop"}) == (
        "customer_identity: needs either jwks_url or keys"
    )
