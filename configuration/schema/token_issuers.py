"""Those whose tokens are believed: the identity provider of a team's agents, and the site that names its customers."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from configuration.schema.public_keys import public_key_of_pem
from configuration.schema.sections import SettingsSection
from configuration.schema.web_addresses import ProtectedAddress

Name = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"^[^\x00]*$")]


def _is_public_key(pem: str) -> str:
    public_key_of_pem(pem)
    return pem


Pem = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_is_public_key)]


class TokenIssuerSettings(SettingsSection):
    """An issuer of tokens (`iss`), with its public keys: either at an address, or here by their `kid`."""

    issuer: Name
    jwks_url: ProtectedAddress | None = None
    """The address of a JWKS, a document with public keys."""
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
