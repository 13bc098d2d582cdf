"""The sign-in of the demo: without a password, on this machine alone, and only with the published key."""

from __future__ import annotations

import pytest

from tests.api.calls import Api, served
from tests.stack import ROOT, SECRET

pytestmark = pytest.mark.slow

AGENT = {"instance": "demo", "user": "a1"}


def test_person_on_this_machine_works_as_an_agent(api: Api) -> None:
    agents = api.http.get("/v1/demo").json()
    assert {"instance": "demo", "user": "s1", "name": "Supervisor One", "supervisor": True} in agents["agents"]
    assert agents["temporal_ui"] == f"http://127.0.0.1:{api.stack.ui_port}"
    token = api.http.post("/v1/demo/sign-in", json=AGENT).json()["token"]
    assert api.http.get("/v1/agent", headers={"authorization": f"Bearer {token}"}).json()["user"] == "a1"
    audit = api.http.get("/v1/instances/demo/audit", headers={"authorization": f"Bearer {SECRET}"}).json()
    assert ("demo", "sign_in", "agents/a1") in {
        (each["actor"], each["action"], each["target"]) for each in audit["entries"]
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "203.0.113.7"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"host": "evil.example"},
        {"x-forwarded-host": "chat.example.org"},
    ],
    ids=lambda headers: next(iter(headers)),
)
@pytest.mark.parametrize("path", ["/v1/demo", "/v1/demo/sign-in"])
def test_others_do_not_sign_in(api: Api, headers: dict[str, str], path: str) -> None:
    method = "GET" if path == "/v1/demo" else "POST"
    answer = api.http.request(method, path, headers=headers, json=AGENT)
    assert answer.status_code == 403
    assert "token" not in answer.json()


@pytest.mark.parametrize("user", ["nobody", "", "a1\x00"])
def test_unknown_agent_is_refused(api: Api, user: str) -> None:
    answer = api.http.post("/v1/demo/sign-in", json={"instance": "demo", "user": user})
    assert answer.status_code in (400, 404)


def test_there_is_no_demo_with_a_key_of_ones_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    own = (ROOT / "perennial.toml").read_text().replace(SECRET, "a secret of our own")
    with served(tmp_path_factory.mktemp("own"), own) as api:
        assert api.http.get("/v1/demo").status_code == 404
        assert api.http.post("/v1/demo/sign-in", json=AGENT).status_code == 404
