"""The tokens that a reader signs by hand are accepted, once the key that a page has printed is configured."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.docs.markdown import PAGES, Block
from tests.docs.reader import tables_with
from tests.docs.shell import Terminal
from tests.stack import Stack

pytestmark = pytest.mark.slow

PEM = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----\n", re.DOTALL)
KEY_ID = "2026-11"


def blocks(page: str, *words: str) -> list[Block]:
    """The blocks of a page with one of these words, in order."""
    [found] = (each for each in PAGES if each.name == f"docs/{page}.md")
    return [block for block in found.blocks if any(word in block.code for word in words)]


def instances(public_key: str) -> str:
    """Those of the demo, with the tables of the page and the key in place of theirs."""
    [provider] = blocks("configuration", "[instances.demo.identity_provider]")
    [customers] = blocks("configuration", "[instances.demo.customer_identity]")
    with_keys = re.sub("jwks_url = .*", f"keys.{KEY_ID} = '''{public_key}'''", provider.code)
    tables = tables_with(with_keys, PEM.sub(public_key, customers.code))
    return json.dumps(tables["instances"], default=str)


def test_tokens_by_hand_are_accepted_and_the_log_says_why_another_is_not(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, os.environ)
    make_key, sign_token, start_chat = blocks("configuration", "issuer.key", "sign_token")
    [exchange] = blocks("agents", "sign_token")
    printed = PEM.search(terminal.run(make_key, make_key.code))
    assert printed
    terminal.run(sign_token, sign_token.code)
    stack = Stack(tmp_path / "data", {"PERENNIAL_INSTANCES": instances(printed[0]), "PERENNIAL_LOG_LEVEL": "info"})
    stack.start()
    try:
        terminal.environment["PERENNIAL_API_PORT"] = str(stack.api_port)
        assert "ContactId" in json.loads(terminal.run(start_chat, start_chat.code))
        assert "token" in json.loads(terminal.run(exchange, exchange.code))
        for block in (exchange, start_chat):
            with pytest.raises(AssertionError, match=r"AccessDeniedException.*is not valid"):
                terminal.run(block, block.code.replace(".example.org", ".elsewhere.example.org"))
        for issuer in ("login", "shop"):
            assert f"a token for https://{issuer}.example.org is refused: InvalidIssuerError" in stack.log()
    finally:
        stack.stop()
