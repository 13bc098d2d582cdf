"""Pages for people with a browser: the start page, and the API documentation. Both work without internet."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from api.security_headers import CONTENT_SECURITY_POLICY

FIRST_CHAT = ".venv/bin/python tests/compat/quickstart.py"
"""The first chat of the README."""

_FILES = "/docs/files"

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Perennial</title>
<style>body {{ font: 16px/1.5 sans-serif; max-width: 48em; margin: 3em auto; padding: 0 1em }}</style>
<h1>Perennial is running</h1>
<p>This is the API of a conversation orchestrator. Backends call it with boto3, browsers with amazon-connect-chatjs.</p>
<ul>
<li><a href="docs">API documentation</a> (<a href="openapi.json">OpenAPI</a>)</li>
{temporal}
<li><a href="healthz">Health</a></li>
</ul>
<p>Hold a first chat, from the project's folder:</p>
<pre>AWS_ENDPOINT_URL={url} {first_chat}</pre>
<p>README.md shows more: ChatJS, agents, configuration.</p>
</html>
"""


_START_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_DOCUMENTATION_POLICY = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""What the pages may load: their own files, and of the scripts in the page only those that Perennial has written."""


def install(app: FastAPI, temporal_ui: str | None) -> None:
    """Add the pages to an application that was created without FastAPI's own, which need internet.

    Args:
        app: the application.
        temporal_ui: base URL of the Temporal UI; None when this process does not know it.
    """

    async def start_page(request: Request) -> HTMLResponse:
        link = (
            f'<li><a href="{escape(temporal_ui)}">Temporal UI</a> ({escape(temporal_ui)})</li>' if temporal_ui else ""
        )
        url = escape(str(request.base_url).rstrip("/"))
        page = _PAGE.format(temporal=link, url=url, first_chat=FIRST_CHAT)
        return HTMLResponse(page, headers={CONTENT_SECURITY_POLICY: _START_POLICY})

    async def documentation(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "").rstrip("/")
        page = get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root}{_FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_FILES}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_FILES}/favicon-32x32.png",
            # the badge of Swagger's public validator would need internet
            swagger_ui_parameters={"validatorUrl": None},
        )
        page.headers[CONTENT_SECURITY_POLICY] = _DOCUMENTATION_POLICY.format(scripts=_digests(bytes(page.body)))
        return page

    app.add_api_route("/", start_page, include_in_schema=False)
    app.add_api_route("/docs", documentation, include_in_schema=False)
    app.mount(_FILES, StaticFiles(directory=str(files("fastapi_swagger").joinpath("resources"))))


def _digests(page: bytes) -> str:
    """Return the digests of the scripts that stand in a page, as a policy names them."""
    scripts = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    return " ".join(f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in scripts)
