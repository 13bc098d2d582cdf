"""The built pages: `make pages` writes them to `pages/dist`. Where they are missing, their addresses say so."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.dependencies import Services
from api.security_headers import CONTENT_SECURITY_POLICY
from runtime.signed_uploads import upload_origin

BUILT = Path(__file__).parents[2] / "pages" / "dist"
"""The folder of the built pages."""

WIDGET = "widget"
PAGES = ("chat", WIDGET, "desk", "supervisor")
"""The names of the pages, which are also their addresses."""

_FILES = "/pages"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' {others}; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
)
"""What a page may load: its own files, the API, its sockets, and where its files go. No script and no style stands in a page."""

_MISSING = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Perennial</title>
<h1>The pages are not built</h1>
<p>In the project's folder, <code>make pages</code> builds them. It needs npm's registry.</p>
</html>
"""

_KEPT_FOR_A_YEAR = "public, max-age=31536000, immutable"
_ASKED_EACH_TIME = "no-cache"


def are_built() -> bool:
    """Whether somebody has built the pages."""
    return all((BUILT / f"{name}.html").is_file() for name in PAGES)


class PageFiles(StaticFiles):
    """Scripts and styles. Their names have a digest of their content, but for the script that sites name."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """See `StaticFiles`."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = _KEPT_FOR_A_YEAR if path.startswith("assets/") else _ASKED_EACH_TIME
        response.headers["cross-origin-resource-policy"] = "cross-origin"
        return response


def page_routes(services: Services) -> list[BaseRoute]:
    """Build the routes of the pages and of their files."""

    async def page(request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        path = BUILT / f"{name}.html"
        if not path.is_file():
            return HTMLResponse(_MISSING, 503)
        others = " ".join(filter(None, (_sockets(request, services), upload_origin(services.settings))))
        policy = _POLICY.format(others=others, ancestors=_ancestors(request, services, name))
        headers = {CONTENT_SECURITY_POLICY: policy, "cache-control": _ASKED_EACH_TIME}
        if name == WIDGET:
            # the policy says more, and wins; this header cannot name origins
            headers["x-frame-options"] = "SAMEORIGIN"
        return FileResponse(path, headers=headers, media_type="text/html")

    routes: list[BaseRoute] = [Route(f"/{name}", page) for name in PAGES]
    return [*routes, Mount(_FILES, PageFiles(directory=BUILT / "pages", check_dir=False))]


def _sockets(request: Request, services: Services) -> str:
    """The origin of the sockets. Policies of some browsers do not count it as `'self'`."""
    if services.settings.public_url:
        return services.settings.public_url.rstrip("/").replace("http", "ws", 1)
    scheme = "wss" if request.url.scheme == "https" else "ws"
    host = request.url.hostname
    port = f":{request.url.port}" if request.url.port else ""
    # `localhost` opens its sockets at 127.0.0.1
    return f"{scheme}://{'127.0.0.1' if host in ('localhost', '::1') else host}{port}"


def _ancestors(request: Request, services: Services, name: str) -> str:
    """Whose pages may show this one in a frame: only the widget, and that on the origins of its instance."""
    if name != WIDGET:
        return "'none'"
    instance = services.configuration.instances.get(request.query_params.get("instance", ""))
    origins = instance.chat_pages.origins if instance and instance.chat_pages else ()
    return " ".join(("'self'", *origins))
