"""The error depends only on the refusal code; the text is only for people."""

from __future__ import annotations

import pytest

from api.refusals import refusal_error
from domain.errors import MalformedRequest, QuotaExceeded
from domain.refusals import Refusal, RefusalCode


@pytest.mark.parametrize("code", RefusalCode)
def test_error_depends_on_the_code_alone(code: RefusalCode) -> None:
    error = refusal_error(Refusal(code=code, text="at most nothing"), "ContactId")
    assert type(error) is (QuotaExceeded if code is RefusalCode.TOO_MANY_BOTS else MalformedRequest)
    assert str(error) == "ContactId: at most nothing."
