"""Exchanges of tokens when the provider is away, and what refused ones leave: limits, and lines of the log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.foreign_tokens import NOT_VALID
from runtime.log_limits import INTERVAL_SECONDS
from tests.api.agent.token_exchanges import DENIED, configuration, exchange, issuer
from tests.api.calls import Api, assert_refused, served
from tests.api.token_issuer import ISSUER, PublishedKeys, claims, signed
from tests.compat.chats import eventually

pytestmark = pytest.mark.slow

__all__ = ["issuer"]

REFUSED = f"a token for {ISSUER} is refused"


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory, issuer: PublishedKeys) -> Iterator[Api]:
    """A Perennial that logs reasons of refusals."""
    folder = tmp_path_factory.mktemp("talkative")
    with served(folder, configuration(issuer), PERENNIAL_LOG_LEVEL="info") as api:
        yield api


def test_provider_that_is_away_takes_no_sign_in_down(tmp_path: Path) -> None:
    issuer = PublishedKeys()
    with issuer.served():
        pass
    with served(tmp_path, configuration(issuer)) as team:
        # it has never been there
        assert_refused(exchange(team, signed(claims())), 503, "InternalServiceException", "Try again")
        with issuer.served():
            eventually(lambda: exchange(team, signed(claims())).is_success, "the keys")
        assert exchange(team, signed(claims())).is_success
        assert_refused(exchange(team, signed(claims(), kid="unknown")), *DENIED, NOT_VALID)
        assert f"the keys at {issuer.url} cannot be read" in team.stack.log()


def test_wrong_tokens_are_limited_and_valid_ones_are_not(tmp_path: Path, issuer: PublishedKeys) -> None:
    limits = '{"failed_authentications": 5}'
    with served(tmp_path, configuration(issuer), PERENNIAL_LIMITS=limits) as team:
        answers = [exchange(team, signed(claims(), kid="unknown")) for _ in range(8)]
        assert [answer.status_code for answer in answers] == [403] * 5 + [429] * 3
        assert exchange(team, signed(claims())).is_success
        # who is nobody here is no guess
        assert_refused(exchange(team, signed(claims("nobody"))), *DENIED)
        answers = [exchange(team, signed(claims("a2"))) for _ in range(40)]
        assert {answer.status_code for answer in answers} == {200, 429}


def test_reason_of_a_refusal_is_in_the_log_alone(talkative: Api) -> None:
    token = signed(claims(aud="another application"))
    assert_refused(exchange(talkative, token), *DENIED, NOT_VALID)
    eventually(lambda: f"{REFUSED}: InvalidAudienceError" in talkative.stack.log(), "the reason")
    assert token not in talkative.stack.log()
    assert "HTTP Request" not in talkative.stack.log()


def test_log_has_nothing_of_a_token_that_its_sender_can_choose(talkative: Api) -> None:
    before = talkative.stack.log().count(REFUSED)
    assert_refused(exchange(talkative, signed(claims(), crit=["\nchosen"])), *DENIED, NOT_VALID)
    eventually(lambda: talkative.stack.log().count(REFUSED) > before, "the reason")
    assert "chosen" not in talkative.stack.log()


def test_refusals_without_end_fill_no_log(talkative: Api) -> None:
    before, began = talkative.stack.log().count(REFUSED), time.monotonic()
    for _ in range(40):
        assert exchange(talkative, signed(claims(), kid="unknown")).is_error
    lines = talkative.stack.log().count(REFUSED) - before
    assert 1 <= lines <= 1 + (time.monotonic() - began) / INTERVAL_SECONDS
