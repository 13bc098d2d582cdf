"""The post-chat survey, as a workstream configures it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from domain.value import Name, Value


class SurveyQuestion(Value):
    """One question. The answer becomes the contact attribute `key`. With `choices` only one of them is an answer."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
    text: Annotated[str, Field(min_length=1, max_length=1_000)]
    choices: tuple[Name, ...] = ()


class Survey(Value):
    """The questions in their order, and the time in which the customer can answer all of them.

    Without questions a bot runs the survey: it joins the contact, and the survey ends when it leaves.
    """

    questions: Annotated[tuple[SurveyQuestion, ...], Field(max_length=20)] = ()
    deadline: timedelta = timedelta(minutes=10)
    not_a_choice: str = "Please answer with one of the choices."
    thanks: str | None = None
