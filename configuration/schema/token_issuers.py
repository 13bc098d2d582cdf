"""Those whose tokens are believed: the identity provider of a team's agents, and the site that names its customers."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from configuration.schema.public_keys import public_key_of_pem
from configuration.schema.sections import SettingsSection
from configuration.schema.workstreams import WebAddress

Name = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"^[^\x00]*$")]


def _is_protected(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not _is_this_machine(parts.hostname or ""):
        raise ValueError("must be https://...; http:// is for addresses of this machine, for development")
    return url


def _has_no_password(url: str) -> str:
    if "@" in urlsplit(url).netloc:
        raise ValueError("must have no user and no password: addresses of keys stand in logs")
    return url


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_public_key(pem: str) -> str:
    public_key_of_pem(pem)
    return pem


KeySetAddress = Annotated[WebAddress, AfterValidator(_is_protected), AfterValidator(_has_no_password)]
"""The address of a JWKS, a document with public keys."""

Pem = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_is_public_key)]


class TokenIssuerSettings(SettingsSection):
    """An issuer of tokens (`iss`), with its public keys: either at an address, or here by their `kid`."""

    issuer: Name
    jwks_url: KeySetAddress | None = None
    keys: dict[Name, Pem] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_keys_of_one_kind(self) -> Self:
        if bool(self.keys) == (self.jwks_url is not None):
            raise ValueError("needs either jwks_url or keys")
        return self


class IdentityProviderSettings(TokenIssuerSettings):
    """The provider whose tokens agents exchange for agent tokens. The claim `user_claim` names the agent as configured."""

    audience: Name
    """For whom a token must be (`aud`): a provider makes tokens for many applications."""
    user_claim: Name = "sub"


class CustomerIdentitySettings(TokenIssuerSettings):
    """The site that signs who a customer is. The `sub` of its tokens is the `CustomerId`."""

    audience: Name | None = None
    """For whom a token must be (`aud`). None: for anybody."""
