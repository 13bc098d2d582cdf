"""The table "Where is it decided" of docs/architecture.md names a function, class or constant for each question."""

from __future__ import annotations

import ast
from typing import NamedTuple

import pytest

from tests.docs.markdown import PAGES, table_rows
from tests.stack import ROOT

FEWEST_QUESTIONS = 25


class Decision(NamedTuple):
    """One row of the table."""

    question: str
    path: str
    name: str


def decisions() -> list[Decision]:
    page = next(page for page in PAGES if page.name == "docs/architecture.md")
    rows = table_rows(page, "Where is it decided")
    return [Decision(question, path.strip("`"), name.strip("`")) for question, path, name in rows]


def defined_names(body: list[ast.stmt], prefix: str = "") -> set[str]:
    """The functions, classes, constants and `Class.method`s that a module defines."""
    found: set[str] = set()
    for node in body:
        match node:
            case ast.ClassDef(name=name):
                found |= {prefix + name} | defined_names(node.body, f"{prefix}{name}.")
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(prefix + name)
            case ast.Assign(targets=targets):
                found |= {prefix + target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(prefix + name)
            case _:
                pass
    return found


@pytest.mark.parametrize("decision", decisions(), ids=lambda decision: decision.question)
def test_each_question_has_a_place_in_the_code(decision: Decision) -> None:
    assert decision.question.endswith("?")
    path = ROOT / decision.path
    assert path.suffix == ".py"
    assert decision.name in defined_names(ast.parse(path.read_text()).body)


def test_table_answers_enough_questions_each_once() -> None:
    questions = [decision.question for decision in decisions()]
    assert len(questions) >= FEWEST_QUESTIONS
    assert len(set(questions)) == len(questions)
    places = [(decision.path, decision.name) for decision in decisions()]
    assert len(set(places)) == len(places)
