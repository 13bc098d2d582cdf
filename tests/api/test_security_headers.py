"""Headers that tell browsers what not to do with an answer."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

import httpx
import pytest

from tests.api.calls import Api, valid_body
from tests.compat.chats import Chat

ALWAYS = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer"}


def has(response: httpx.Response, **expected: str) -> bool:
    wanted = {**ALWAYS, **{name.replace("_", "-"): value for name, value in expected.items()}}
    return {name: response.headers.get(name) for name in wanted} == wanted


def test_answers_of_the_api_are_not_kept_and_run_nothing(api: Api, chat: Chat) -> None:
    answers = (
        api.send("GetTranscript", {}, chat=chat),
        api.send("DescribeContact", chat=chat),
        api.send("SendMessage", {}, chat=chat),
        api.send("SignIn", valid_body("SignIn", chat)),
        api.http.get("/v1/agent"),
        api.http.get("/nowhere"),
        api.http.get("/", headers={"host": "evil.example"}),
        api.http.get("/openapi.json"),
        api.http.get("/healthz"),
        api.http.options("/participant/message", headers={"origin": "null", "access-control-request-method": "POST"}),
    )
    policy = "default-src 'none'; frame-ancestors 'none'"
    for answer in answers:
        assert has(answer, cache_control="no-store", content_security_policy=policy), (answer.url, answer.headers)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_load_nothing_from_elsewhere_and_no_other_scripts(api: Api, path: str) -> None:
    page = api.http.get(path)
    policy = page.headers["content-security-policy"]
    assert has(page)
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert not re.search(r"https?:|\*", policy)
    scripts = next((rule for rule in policy.split("; ") if rule.startswith("script-src")), "")
    assert "unsafe-inline" not in scripts
    own = re.findall(rb"<script>(.*?)</script>", page.content, re.DOTALL)
    assert len(own) == (1 if path == "/docs" else 0)
    for script in own:
        assert f"'sha256-{b64encode(sha256(script).digest()).decode()}'" in scripts
