"""The answers that a survey understands."""

from __future__ import annotations

import json

import pytest

from domain.policy import SurveyQuestion
from domain.transcript import INTERACTIVE_RESPONSE
from workflows.survey import find_answer

RATING = SurveyQuestion(key="score", text="How was it?", choices=("Good", "So so", "Bad"))
STARS = SurveyQuestion(key="stars", text="How many stars?", choices=("5", "4", "3", "2", "1"))
SIGNS = SurveyQuestion(key="sign", text="?", choices=(":-)", ":-(", "C", "C++"))
OPEN = SurveyQuestion(key="why", text="Why?")


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        *[
            (text, "Good")
            for text in ("Good", " good ", "GOOD", "Good.", "good!", '"Good"', "\uff27\uff4f\uff4f\uff44")
        ],
        *[
            (text, "Good")
            for text in (
                "1",
                "1.",
                "1)",
                "(1)",
                "#1",
                "1:",
                "\uff11",
                "\uff11\uff0e",
                "1\ufe0f\u20e3",
                "1. Good",
                "1. good.",
            )
        ],
        *[(text, "So so") for text in ("So so", "so so...", "2.", "2. So so")],
        *[(text, None) for text in ("", "   ", ".", "0", "4", "12", "1.5", "-", "so", "good bad", "one")],
    ],
)
def test_answer_is_understood_as_people_write_it(answer: str, choice: str | None) -> None:
    assert find_answer(RATING, "text/plain", answer) == choice


@pytest.mark.parametrize("answer", ["5", "4", "3", "2", "1"])
def test_choice_that_is_a_number_is_meant_before_the_number_of_a_choice(answer: str) -> None:
    assert find_answer(STARS, "text/plain", f"{answer}.") == answer


@pytest.mark.parametrize(
    ("answer", "choice"), [(":-)", ":-)"), (":-(", ":-("), ("c", "C"), ("C++", "C++"), (":-|", None)]
)
def test_choices_of_signs_are_told_apart(answer: str, choice: str | None) -> None:
    assert find_answer(SIGNS, "text/plain", answer) == choice


def test_quick_reply_and_free_text_are_understood() -> None:
    chosen = json.dumps({"templateType": "QuickReply", "data": {"content": {"title": "Bad"}}})
    assert find_answer(RATING, INTERACTIVE_RESPONSE, chosen) == "Bad"
    assert find_answer(OPEN, "text/plain", " 1. ") == " 1. "


@pytest.mark.parametrize(
    ("answer", "choice"), [("good", "Good"), ("1", "Good"), ("1.", None), ("Good.", None), ("\uff11", None)]
)
def test_running_conversation_of_an_older_version_of_the_rules_matches_exactly(answer: str, choice: str | None) -> None:
    assert find_answer(RATING, "text/plain", answer, exact=True) == choice
