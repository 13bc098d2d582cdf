"""The base of all frozen values, and the type of names and ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, StringConstraints


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


Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
"""A name or id of 1 to 256 characters. U+0000 is refused because PostgreSQL cannot store it."""
