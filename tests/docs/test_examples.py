"""`docs/examples.sh` in a reader's terminal, also when something goes wrong."""

from __future__ import annotations

import subprocess

import pytest

from tests.stack import ROOT, Stack, free_ports

pytestmark = pytest.mark.slow

OFFERS = '{"offers": [{"offer_id": "o1"}]}'


def run(code: str, *, port: int = 1, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"source docs/examples.sh; {code}"],
        cwd=ROOT,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "PERENNIAL_API_PORT": str(port)},
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("text", "code", "output", "error"),
    [
        (OFFERS, 0, "o1\n", ""),
        ('{"offers": []}', 1, "", 'the answer has no offers 0 offer_id: {"offers": []}\n'),
        ('{"__type": "AccessDeniedException", "Message": "Not yours."}', 1, "", "Not yours.\n"),
        ("", 1, "", "the API does not answer at http://127.0.0.1:1\n"),
        ("<html>", 1, "", "the answer of http://127.0.0.1:1 is not JSON: <html>\n"),
        ("[1]", 1, "", "the answer has no offers 0 offer_id: [1]\n"),
    ],
)
def test_field_prints_the_value_or_the_error(text: str, code: int, output: str, error: str) -> None:
    done = run("field offers 0 offer_id", text=text)
    assert (done.returncode, done.stdout, done.stderr) == (code, output, error)


def test_start_chat_without_an_api_says_so() -> None:
    [port] = free_ports(1)
    done = run("start_chat live", port=port)
    assert (done.returncode, done.stderr) == (1, f"the API does not answer at http://127.0.0.1:{port}\n")


def test_assign_ends_its_line(stack: Stack) -> None:
    done = run('assign "$(start_chat persistent)" a1', port=stack.api_port)
    assert (done.returncode, done.stdout) == (0, "{}\n")
    refused = run("assign nothing a1", port=stack.api_port)
    assert refused.stdout.endswith("\n")


def test_what_the_examples_leave_is_ignored_by_git_and_nothing_else_is() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    left = ["chat.mjs", "package.json", "package-lock.json", "issuer.key", "exported/3f0c.json", "node_modules/x"]
    ignored = subprocess.run(["git", "check-ignore", *left], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ignored.stdout.split() == left
    tracked = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.run(tracked, cwd=ROOT, capture_output=True, text=True, check=True).stdout == ""
