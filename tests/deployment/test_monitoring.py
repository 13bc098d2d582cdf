"""The dashboard and the alert rules: each query names what a running stack exposes, and each alert has its instructions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import temporalio.bridge
import yaml

from tests.deployment.metrics_pages import Page
from tests.docs.markdown import PAGES
from tests.stack import ROOT
from tests.test_metrics import Pages, own_stack, pages

__all__ = ["own_stack", "pages"]

FOLDER = ROOT / "deploy" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
RULES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

VARIABLES = {"$job": "perennial", "$__rate_interval": "5m"}
"""What Grafana puts into a query."""

FROM_PROMETHEUS = {"up": {"job", "instance"}}
"""Metrics that Prometheus itself adds, with their labels."""

TARGET_LABELS = {"job", "instance"}
"""Labels that Prometheus adds to every sample."""

ONLY_AFTER_A_FAILURE = {"temporal_workflow_task_execution_failed_total"}
"""Metrics of the SDK that appear with the first failure."""


def queries() -> Iterator[tuple[str, str]]:
    """The titles of panels and the names of alerts, each with a query."""
    for panel in PANELS:
        for target in panel["targets"]:
            query: str = target["expr"]
            for variable, value in VARIABLES.items():
                query = query.replace(variable, value)
            yield panel["title"], query
    for rule in RULES:
        yield rule["alert"], rule["expr"]


def selectors(expression: Any) -> Iterator[Any]:
    """The vector selectors of a parsed query."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    elif isinstance(expression, promql_parser.MatrixSelector):
        yield expression.vector_selector
    else:
        parts = [getattr(expression, name, None) for name in ("expr", "lhs", "rhs", "param")]
        for part in (*parts, *getattr(expression, "args", ())):
            if part is not None:
                yield from selectors(part)


def grouping(query: str) -> set[str]:
    """The labels by which a query groups or matches."""
    groups = re.findall(r"\b(?:by|on) \(([^)]*)\)", query)
    return {label.strip() for group in groups for label in group.split(",")} - {"le"}


@pytest.fixture(scope="module")
def labels(pages: Pages) -> dict[str, set[str]]:
    """The labels of each sample name that a running stack exposes."""
    found: dict[str, set[str]] = {}
    shown: tuple[Page, Page] = pages.api[1], pages.worker[1]
    for page in shown:
        for sample in page.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found | FROM_PROMETHEUS


@pytest.mark.parametrize(("title", "query"), list(queries()), ids=lambda value: str(value)[:60])
def test_query_names_what_a_running_stack_exposes(labels: dict[str, set[str]], title: str, query: str) -> None:
    found = list(selectors(promql_parser.parse(query)))
    assert found, query
    known = set[str]()
    for selector in found:
        if selector.name in ONLY_AFTER_A_FAILURE:
            continue
        assert selector.name in labels, f"{title}: nothing exposes {selector.name}"
        known |= labels[selector.name] | TARGET_LABELS
        asked = {matcher.name for matcher in selector.matchers.matchers}
        assert asked <= labels[selector.name] | TARGET_LABELS, f"{title}: {selector}"
    assert not known or grouping(query) <= known, f"{title}: {query}"


def test_metrics_of_failures_exist_in_the_sdk() -> None:
    [library] = Path(temporalio.bridge.__path__[0]).glob("temporal_sdk_bridge*.so")
    content = library.read_bytes()
    for name in ONLY_AFTER_A_FAILURE:
        assert name.removeprefix("temporal_").removesuffix("_total").encode() in content


def test_every_metric_of_perennial_is_on_the_dashboard(labels: dict[str, set[str]]) -> None:
    asked = {selector.name for _, query in queries() for selector in selectors(promql_parser.parse(query))}
    asked = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    own = {re.sub(r"_(bucket|sum|count)$", "", name) for name in labels if name.startswith("perennial_")}
    assert own - asked == set()


def test_panels_have_a_title_a_unit_and_a_description() -> None:
    titles = [panel["title"] for panel in PANELS]
    assert len(set(titles)) == len(titles)
    for panel in PANELS:
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert all(target["legendFormat"] for target in panel["targets"])


def test_panels_do_not_overlap() -> None:
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alert_says_what_happens_and_the_page_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    operations = next(page for page in PAGES if page.name == "docs/operations.md")
    assert rule["alert"].lower() in operations.anchors


def test_page_has_no_instructions_for_an_alert_that_does_not_exist() -> None:
    operations = next(page for page in PAGES if page.name == "docs/operations.md")
    described = set(re.findall(r"^### (Perennial\w+)$", operations.text, re.MULTILINE))
    assert described == {rule["alert"] for rule in RULES}
