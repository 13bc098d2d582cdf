"""Tokens that others sign: JWTs (RS256 or ES256) of a team's identity provider, and of the site that names its customers.

All that is wrong with a token has one answer, so it teaches nothing. The log has the reason.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from math import isfinite
from time import time
from typing import Any, TypeGuard

import jwt

from api.key_sets import KeySets
from api.tokens import LONGEST_LIFE
from configuration.schema.public_keys import PublicKey, public_key_of_pem
from configuration.schema.token_issuers import TokenIssuerSettings
from domain.errors import UnknownToken

logger = logging.getLogger(__name__)

NOT_VALID = "The token is not valid."

MAX_LENGTH = 16_000
MAX_HEADER_LENGTH = 2_000
"""Characters of a token, and of its header, that are read at most. A token that lists an agent's groups has some thousands."""

CLOCK_SKEW = timedelta(seconds=30)
"""How far the clock of an issuer may be ahead: a token that is used at once would else not be valid yet."""

_TYPES = ("jwt", "at+jwt")
"""Values of `typ`. Providers also sign other things for the same audience, such as logout tokens."""


class ForeignTokens:
    """Verifies tokens with the keys of their issuers."""

    def __init__(self, key_sets: KeySets) -> None:
        self._key_sets = key_sets

    async def verify(self, token: str, issuer: TokenIssuerSettings, audience: str | None) -> dict[str, Any]:
        """Verify a token, and return its claims. `exp` is among them, a number.

        Args:
            token: the token.
            issuer: who must have signed it.
            audience: for whom it must be. None: for anybody.

        Raises:
            UnknownToken: it is not valid.
            Unavailable: no key of the issuer is known, because its keys cannot be read.
        """
        try:
            key = await self._key(_key_id(token), issuer)
            claims = _claims(token, key, issuer.issuer, audience)
            _require_present(claims)
        except jwt.PyJWTError as reason:
            logger.info("a token for %s is refused: %s", issuer.issuer, _reason(reason))
            raise UnknownToken(NOT_VALID) from None
        return claims

    async def _key(self, key_id: str, issuer: TokenIssuerSettings) -> PublicKey:
        if issuer.jwks_url is not None:
            key = await self._key_sets.at(issuer.jwks_url).find(key_id)
        else:
            key = public_key_of_pem(issuer.keys[key_id]) if key_id in issuer.keys else None
        if key is None:
            raise _Refused("the issuer has no key with the token's kid")
        return key


class _Refused(jwt.InvalidTokenError):
    """A reason in our own words. The library's can quote the token, so the log has only their kind."""


def _reason(error: jwt.PyJWTError) -> str:
    return str(error) if isinstance(error, _Refused) else type(error).__name__


def _key_id(token: str) -> str:
    # before anything is read: a header can be nested deeply
    if len(token) > MAX_LENGTH or len(token.partition(".")[0]) > MAX_HEADER_LENGTH:
        raise _Refused("it is too long")
    header = jwt.get_unverified_header(token)
    if str(header.get("typ", _TYPES[0])).lower().removeprefix("application/") not in _TYPES:
        raise _Refused("it is a token for something else, by its typ")
    key_id = header.get("kid")
    if not isinstance(key_id, str):
        raise _Refused("it has no kid")
    return key_id


def _claims(token: str, key: PublicKey, issuer: str, audience: str | None) -> dict[str, Any]:
    # `_require_present` looks at the time: the library takes a text or 1e300 for an instant
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": audience is not None}
    # the algorithm of the key, not that of the token
    return jwt.decode(token, key.key, [key.algorithm], options=options, issuer=issuer, audience=audience)


def _require_present(claims: dict[str, Any]) -> None:
    """Require that the token is valid now, and not for ever."""
    now, end = time(), claims.get("exp")
    if not _is_instant(end) or end > now + LONGEST_LIFE.total_seconds():
        raise _Refused("it has no proper end")
    if end <= now:
        raise _Refused("it has expired")
    begin = claims.get("nbf", now)
    if not _is_instant(begin) or begin > now + CLOCK_SKEW.total_seconds():
        raise _Refused("it is not valid yet")


def _is_instant(value: object) -> TypeGuard[float]:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and isfinite(value))
