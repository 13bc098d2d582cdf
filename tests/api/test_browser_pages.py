"""The pages for people with a browser."""

from __future__ import annotations

import re

from api.browser_pages import FIRST_CHAT
from tests.api.calls import Api
from tests.compat.chats import Chat
from tests.stack import ROOT, SECRET


def test_start_page_says_where_everything_is(api: Api) -> None:
    page = api.http.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "Perennial is running" in page.text
    assert f"http://127.0.0.1:{api.stack.ui_port}" in page.text
    assert f"AWS_ENDPOINT_URL={api.stack.url} {FIRST_CHAT}" in page.text
    for link in re.findall(r'href="([a-z.]+)"', page.text):
        assert api.http.get(f"/{link}").status_code == 200, link


def test_first_chat_of_the_start_page_exists() -> None:
    assert (ROOT / FIRST_CHAT.split()[-1]).is_file()


def test_start_page_is_not_made_for_a_malformed_host(api: Api) -> None:
    refused = api.http.get("/", headers={"Host": '"><script>alert(1)</script>'})
    assert (refused.status_code, refused.headers["content-type"]) == (403, "application/json")


def test_api_documentation_needs_no_internet(api: Api) -> None:
    page = api.http.get("/docs")
    assert page.status_code == 200
    assert not re.search(r"https?://", page.text)
    assert "url: '/openapi.json'" in page.text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) == 3
    for path in loaded:
        assert path.startswith("/docs/files/")
        assert api.http.get(path).content, path


def test_head_is_answered_as_get_without_a_body(api: Api, chat: Chat) -> None:
    secret = {"authorization": f"Bearer {SECRET}"}
    for path in (
        "/healthz",
        "/",
        "/docs",
        "/openapi.json",
        "/favicon.ico",
        f"/contacts/demo/{chat.contact_id}",
        "/nowhere",
    ):
        read, asked = api.http.get(path, headers=secret), api.http.head(path, headers=secret)
        assert (asked.status_code, asked.content) == (read.status_code, b""), path
        assert asked.headers["content-type"] == read.headers["content-type"]
