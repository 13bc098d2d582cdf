"""Reads the pages of metrics of running processes."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


@dataclass(frozen=True)
class Page:
    """The metrics of one process at one moment."""

    families: list[Metric]

    @property
    def samples(self) -> list[Sample]:
        """All samples."""
        return [sample for family in self.families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of a name that have these labels, among others; 0 without any."""
        return sum(each.value for each in self.samples if each.name == name and labels.items() <= each.labels.items())

    def has(self, name: str) -> bool:
        """Whether there is a sample of this name."""
        return any(sample.name == name for sample in self.samples)


def read_page(url: str) -> Page:
    """The page of the process at a URL."""
    answer = httpx.get(f"{url}/metrics", timeout=10).raise_for_status()
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Page(list(text_string_to_metric_families(answer.text)))
