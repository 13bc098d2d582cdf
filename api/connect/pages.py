"""Pages of lists: their tokens, and their sizes.

A page continues after the last entry of the page before it. So entries that come or go in the meantime neither repeat nor hide
the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Any

from annotated_types import Interval, MaxLen, MinLen
from fastapi import Query

from api.dependencies import Services
from api.tokens import TokenKind
from domain.errors import AccessDenied, InvalidValue
from wire.models import Text

DEFAULT_RESULTS = 100

NextToken = Annotated[Text, MinLen(1), MaxLen(2_500)]
NextTokenInQuery = Annotated[NextToken | None, Query(alias="nextToken")]
MaxResultsInQuery = Annotated[Annotated[int, Interval(ge=1, le=1_000)] | None, Query(alias="maxResults")]


class Pages:
    """The pages of one list: of one kind, in one instance, with the same filters."""

    def __init__(self, services: Services, kind: str, *filters: Any) -> None:
        """Describe the list.

        Args:
            services: they sign the tokens.
            kind: what the list is of, and where, such as "users of demo".
            filters: what else decides what is listed, as values of JSON.
        """
        self._tokens = services.tokens
        self._kind = kind
        self._fingerprint = sha256(json.dumps(filters, sort_keys=True).encode()).hexdigest()

    def token(self, position: Any) -> str:
        """Return the token of the page that begins after a position, which is a value of JSON."""
        return self._tokens.make(TokenKind.PAGE, self._kind, of=self._fingerprint, after=position)

    def position(self, token: str | None) -> Any:
        """Return the position after which a page begins; None for the first page.

        Raises:
            InvalidValue: the token is of another list.
        """
        if token is None:
            return None
        try:
            claims = self._tokens.verify(TokenKind.PAGE, token)
        except AccessDenied:
            raise InvalidValue("NextToken: was not issued by this operation.") from None
        if (claims["sub"], claims.get("of")) != (self._kind, self._fingerprint):
            raise InvalidValue("NextToken: belongs to another list.")
        return claims["after"]

    def of_names(self, names: Iterable[str], token: str | None, size: int | None) -> tuple[list[str], str | None]:
        """Return the names of one page in alphabetical order, and the token of the next one; None after the last page.

        Raises:
            InvalidValue: the token is of another list.
        """
        after, size = self.position(token), size or DEFAULT_RESULTS
        rest = sorted(name for name in names if after is None or name > after)
        return rest[:size], self.token(rest[size - 1]) if len(rest) > size else None
