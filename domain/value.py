"""The base of all frozen values, and the type of names and ids."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints


class Value(BaseModel):
    """A frozen value. It ignores unknown fields, so that an older reader accepts what a newer writer sends."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
"""A name or id of 1 to 256 characters. U+0000 is refused because PostgreSQL cannot store it."""
