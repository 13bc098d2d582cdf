"""Keys change in their files while Perennial runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.compat.chats import eventually
from tests.stack import Stack

OLD, NEW = "the old secret of the crm", "the new secret of the crm"
OLD_KEY, NEW_KEY = "the old key of tokens, long enough", "the new key of tokens, long enough"
LIMIT_SECONDS = 20
"""Four looks at the files."""


class Keys:
    """The files of both kinds of keys."""

    def __init__(self, folder: Path) -> None:
        self.access, self.tokens = folder / "access_keys", folder / "token_keys"
        self.use_access(OLD)
        self.use_tokens(OLD_KEY)

    def use_access(self, *secrets: str) -> None:
        """Write access keys."""
        self.access.write_text(
            json.dumps({f"crm{number}": {"secret": secret} for number, secret in enumerate(secrets)})
        )

    def use_tokens(self, *keys: str) -> None:
        """Write token keys."""
        self.tokens.write_text(json.dumps(keys))


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


@pytest.fixture
def own_stack(tmp_path: Path, keys: Keys) -> Iterator[Stack]:
    files = {"PERENNIAL_ACCESS_KEYS_FILE": str(keys.access), "PERENNIAL_TOKEN_KEYS_FILE": str(keys.tokens)}
    stack = Stack(tmp_path / "data", files)
    stack.start()
    yield stack
    assert stack.stop() == 0


def test_keys_change_without_a_restart(own_stack: Stack, keys: Keys) -> None:
    old_token = agent_token(own_stack, OLD)
    assert status_of(own_stack, NEW) == 403

    keys.use_access(OLD, NEW)
    until(lambda: status_of(own_stack, NEW) == 200)
    assert status_of(own_stack, OLD) == 200
    keys.use_access(NEW)
    until(lambda: status_of(own_stack, OLD) == 403)

    keys.access.write_text("{")
    until(lambda: own_stack.log().count("the keys stay as they are") == 1)
    assert status_of(own_stack, NEW) == 200
    keys.use_access(NEW)

    assert token_is_valid(own_stack, old_token)
    keys.use_tokens(NEW_KEY, OLD_KEY)
    until(lambda: agent_token(own_stack, NEW).split(".")[0] != old_token.split(".")[0])
    new_token = agent_token(own_stack, NEW)
    assert token_is_valid(own_stack, old_token)
    keys.use_tokens(NEW_KEY)
    until(lambda: not token_is_valid(own_stack, old_token))
    assert token_is_valid(own_stack, new_token)
    assert own_stack.log().count("the keys stay as they are") == 1


def until(reached: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    eventually(reached, "effect of the new keys", LIMIT_SECONDS)


def sign_in(stack: Stack, secret: str) -> httpx.Response:
    """Sign an agent in as a backend with this secret."""
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.post(f"{stack.url}/v1/agents/sign-in", json={"instance": "demo", "user": "a1"}, headers=headers)


def status_of(stack: Stack, secret: str) -> int:
    """The status of the answer to a backend with this secret."""
    return sign_in(stack, secret).status_code


def agent_token(stack: Stack, secret: str) -> str:
    """A token of the agent. The first part of it says which key has signed it."""
    return str(sign_in(stack, secret).raise_for_status().json()["token"])


def token_is_valid(stack: Stack, token: str) -> bool:
    """Whether the agent's token is accepted."""
    answer = httpx.get(f"{stack.url}/v1/agent/offers", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (200, 403), answer.text
    return answer.status_code == 200
