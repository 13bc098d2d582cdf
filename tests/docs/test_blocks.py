"""Every code block of README.md and docs/*.md, run in order as a reader pastes it."""

from __future__ import annotations

import tomllib

import pytest
from pydantic import ValidationError

from configuration.schema.access_keys import AccessKeySettings
from configuration.schema.sections import mistakes
from tests.docs.markdown import PAGES, Page
from tests.docs.reader import PLACEHOLDER, Reader, check_configuration

pytestmark = pytest.mark.slow

NOT_RUN = {
    "docs/agents.md": 1,  # a token of an identity provider, see test_tokens.py
    "docs/architecture.md": 2,  # the map, and the processes of the all-in-one start
    "docs/configuration.md": 1,  # a token of a customer, see test_tokens.py
    "docs/deployment.md": 7,  # processes, containers and databases on other machines, a restore, and a front with TLS
    "docs/development.md": 2,  # runs of chaos and of fuzzing, which take minutes
    "docs/metrics.md": 1,  # a part of the configuration of Prometheus
    "docs/tracing.md": 1,  # the address of a collector
    "docs/pages.md": 2,  # the policy of a site, and addresses of a desk
    "docs/privacy.md": 3,  # keys, and a Temporal UI elsewhere
    "docs/replaying.md": 1,  # the output for a history that differs
    "docs/settings.md": 1,  # a second Perennial on other ports
    "docs/streaming.md": 1,  # what a topic gets
}
"""Blocks of the language `text`, by page: pictures, and examples for machines and of failures that the tests do not have."""


PRINTED = {
    "README.md": [
        "Ada Do bees sleep?",
        "Ada sees: Agent One They do, five to eight hours a day.",
        "The chat has ended.",
    ],
    "docs/rehydration.md": ["See you next week."],
    "docs/replaying.md": [": ok ("],
    "docs/transcripts.md": ["Customer:     Ada"],
}
"""What a reader finds among the output of a page."""


@pytest.mark.parametrize("page", [page for page in PAGES if page.blocks], ids=lambda page: page.name)
def test_every_block_runs_as_it_stands(reader: Reader, page: Page) -> None:
    for block in page.blocks:
        reader.read(block)
    for text in PRINTED.get(page.name, []):
        assert text in reader.printed


def test_examples_of_the_configuration_are_valid_together() -> None:
    blocks = [block for page in PAGES for block in page.blocks if block.language == "toml"]
    demo = check_configuration(*blocks).instances["demo"]
    assert demo.schedule("live") == demo.hours["office"]
    assert demo.workstreams["live"].idle_rules
    assert demo.queues["sales"].method == "round-robin"
    assert demo.agents_serving(demo.workstreams["sales"].queue) == ["a1", "a2"]


def test_access_key_of_the_example_is_refused_until_its_secret_is_replaced() -> None:
    [block] = (block for page in PAGES for block in page.blocks if PLACEHOLDER in block.code)
    key = tomllib.loads(block.code)["access_keys"]["shop"]
    with pytest.raises(ValidationError) as refused:
        AccessKeySettings.model_validate(key)
    assert mistakes(refused.value) == "secret: must have at least 16 characters"


def test_few_blocks_are_not_run() -> None:
    not_run = {page.name: sum(block.language == "text" for block in page.blocks) for page in PAGES}
    assert {name: count for name, count in not_run.items() if count} == NOT_RUN


def test_only_the_first_part_of_the_chatjs_recipe_needs_node() -> None:
    [node, *browser] = (block for block in PAGES[0].blocks if block.language == "js")
    assert "import(" in node.code
    assert len(browser) == 2
    assert not any(word in block.code for block in browser for word in ("import", "require", "process", "globalThis"))
