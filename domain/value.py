"""The base of all frozen values, and the type of names and ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


class Value(BaseModel):
    """A frozen value. It ignores unknown fields, so that an older reader accepts what a newer writer sends."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def _with_fields(self, changes: Mapping[str, object]) -> Self:
        """Copies this value with some fields changed. Only for methods of subclasses, whose parameters are typed.

        Raises:
            TypeError: a name is not a field of this value.
        """
        unknown = changes.keys() - type(self).model_fields.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        return self.model_copy(update=changes)


MAX_NAME = 256
"""Longest name or id in characters, as the columns of the store count."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00]*$")]
"""A name or id of 1 to 256 characters. U+0000 is refused because PostgreSQL cannot store it."""

Count = Annotated[int, Field(ge=0, lt=2**63)]
"""A number that the store keeps in 64 bits."""

REORDERING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Bidirectional classes of invisible characters that reorder the text around them (Unicode)."""

_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Whether a text has neither U+0000, for PostgreSQL, nor half of a surrogate pair, for UTF-8."""
    return _NOT_STORABLE.search(text) is None


def _shown(text: str) -> str:
    return _NOT_STORABLE.sub("\ufffd", text)[:MAX_NAME]


ShownName = Annotated[str, AfterValidator(_shown)]
"""A name that is only shown. It is cut to 256 characters, and what cannot be stored becomes U+FFFD: no message is lost by it."""
