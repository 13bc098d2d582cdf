"""Settings: which of file and environment wins, how variables are written, and which are refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from configuration.schema.access_keys import KeyRole, digest_of
from configuration.schema.limits import LimitSettings, Rate, number
from runtime import settings as settings_module
from runtime.errors import StartupError
from runtime.settings import load_settings

FILE = """
[access_keys.perennial]
secret = "perennial-demo-secret"
[instances.demo.workstreams.live]
mode = "live"
queue = "live"
[instances.demo.agents.a1]
name = "Agent One"
"""
OWN = "a secret of our own"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "perennial.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("variable", ["PERENNIAL_ACCESS_KEYS", "perennial_access_keys"])
@pytest.mark.parametrize(
    ("value", "names"), [("{}", set[str]()), (f'{{"crm": {{"secret": "{OWN}"}}}}', {"crm"})], ids=["empty", "own"]
)
def test_variable_with_a_whole_table_replaces_the_table_of_the_file(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, names: set[str]
) -> None:
    monkeypatch.setenv(variable, value)
    settings = load_settings()
    assert settings.access_keys.keys() == names
    assert settings.instances.keys() == {"demo"}


def test_variable_with_all_instances_replaces_those_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_INSTANCES", '{"other": {"workstreams": {"w": {"mode": "live", "queue": "q"}}}}')
    assert load_settings().instances.keys() == {"other"}


def test_variable_that_names_a_key_of_a_table_changes_this_key_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_ACCESS_KEYS__crm__secret", OWN)
    monkeypatch.setenv("PERENNIAL_INSTANCES__demo__agents__a1__name", "Ada")
    settings = load_settings()
    assert settings.access_keys.keys() == {"crm", "perennial"}
    assert settings.instances["demo"].agents["a1"].name == "Ada"
    assert settings.instances["demo"].workstreams.keys() == {"live"}


def test_without_the_demo_key_any_host_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_ACCESS_KEYS", "{}")
    monkeypatch.setenv("PERENNIAL_API_HOST", "0.0.0.0")
    assert load_settings().api_host == "0.0.0.0"


BEYOND_LOOPBACK = (
    *("0.0.0.0", "::", "", "10.0.0.7", "2001:db8::7", "chat.example.org", "perennial", "localhost.example.org"),
    *(
        "127.0.0.1.example.org",
        "::ffff:0.0.0.0",
        "::ffff:10.0.0.7",
        "::ffff:127.0.0.1",
        "0",
        "127.1",
        "2130706433",
        "*",
    ),
)


@pytest.mark.parametrize("host", BEYOND_LOOPBACK)
def test_the_published_secret_does_not_listen_beyond_loopback(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("PERENNIAL_API_HOST", host)
    with pytest.raises(StartupError, match="is not loopback, but the demo access key is configured, whose secret is"):
        load_settings()


def test_hash_of_the_published_secret_does_not_listen_beyond_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = digest_of("perennial-demo-secret")
    monkeypatch.setenv("PERENNIAL_ACCESS_KEYS", f'{{"crm": {{"secret_sha256": "{digest}"}}}}')
    monkeypatch.setenv("PERENNIAL_API_HOST", "0.0.0.0")
    with pytest.raises(StartupError, match="is not loopback, but the demo access key is configured"):
        load_settings()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_the_published_secret_listens_on_loopback(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("PERENNIAL_API_HOST", host)
    assert load_settings().api_host == host


def test_localhost_that_resolves_elsewhere_is_not_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolved(*_: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", ("127.0.0.1", 0)), (0, 0, 0, "", ("10.0.0.7", 0))]

    monkeypatch.setattr(settings_module, "getaddrinfo", resolved)
    monkeypatch.setenv("PERENNIAL_API_HOST", "localhost")
    with pytest.raises(StartupError, match="api_host 'localhost' is not loopback"):
        load_settings()


@pytest.mark.parametrize("url", ["https://chat.example.org", "http://10.0.0.7:8080", "https://localhost.example.org"])
def test_the_published_secret_has_no_public_url(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PERENNIAL_PUBLIC_URL", url)
    with pytest.raises(StartupError, match=f"public_url {url} is not loopback, but the demo access key is configured"):
        load_settings()
    monkeypatch.setenv("PERENNIAL_ACCESS_KEYS", "{}")
    assert load_settings().public_url == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000", "http://localhost:8080/base", "https://[::1]"])
def test_the_published_secret_may_have_a_url_on_loopback(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PERENNIAL_PUBLIC_URL", url)
    assert load_settings().public_url == url


@pytest.mark.parametrize(
    ("value", "seconds"), [("10", 10), ("0.5", 0.5), ("PT10S", 10), ("PT2M", 120), ("00:00:10", 10)]
)
def test_duration_in_a_variable_is_iso_8601_or_seconds(
    monkeypatch: pytest.MonkeyPatch, value: str, seconds: float
) -> None:
    monkeypatch.setenv("PERENNIAL_POSITIONS_EVERY", value)
    monkeypatch.setenv("PERENNIAL_PRESENCE_DEBOUNCE", value)
    monkeypatch.setenv("PERENNIAL_INSTANCES__demo__workstreams__live__open_age", value)
    monkeypatch.setenv("PERENNIAL_INSTANCES__demo__workstreams__live__wrap_up_holds", value)
    settings = load_settings()
    workstream = settings.instances["demo"].workstreams["live"]
    found = (settings.positions_every, settings.presence_debounce, workstream.open_age, workstream.wrap_up_holds)
    assert found == (timedelta(seconds=seconds),) * 4


def test_connection_token_life_in_a_variable_may_be_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_CONNECTION_TOKEN_LIFE", "3600")
    assert load_settings().connection_token_life == timedelta(hours=1)


def test_key_is_good_for_all_instances_and_roles_if_none_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_ACCESS_KEYS__crm__secret", OWN)
    key = load_settings().access_keys["crm"]
    assert (key.instances, key.roles) == (frozenset(), frozenset(KeyRole))


@pytest.mark.parametrize(
    "secret", ["k" * 16, "".join(map(chr, range(ord("!"), ord("~") + 1))), "inner  spaces of a secret"]
)
def test_secret_that_a_bearer_header_carries_is_accepted(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("PERENNIAL_ACCESS_KEYS__crm__secret", secret)
    assert load_settings().access_keys["crm"].secret == secret


def test_number_in_a_nested_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_INSTANCES__demo__agents__a1__capacity", "2")
    monkeypatch.setenv("PERENNIAL_INSTANCES__demo__workstreams__live__units", "3")
    demo = load_settings().instances["demo"]
    assert (demo.agents["a1"].capacity, demo.workstreams["live"].units) == (2, 3)


WRONG = [
    ("PERENNIAL_API_PROT", "1", "PERENNIAL_API_PROT is not a setting; did you mean PERENNIAL_API_PORT? docs/"),
    ("PERENNIAL_STORE_URL_FIEL", "1", "is not a setting; did you mean PERENNIAL_STORE_URL_FILE?"),
    ("PERENNIAL_ZZZ", "1", "PERENNIAL_ZZZ is not a setting; docs/"),
    ("PERENNIAL_ACES_KEYS", "{}", "is not a setting; did you mean PERENNIAL_ACCESS_KEYS?"),
    ("perennial_api_prot", "1", "perennial_api_prot is not a setting"),
    ("perennial_config", "other.toml", "perennial_config is not a setting"),
    ("PERENNIAL_API_PORT__X", "1", "PERENNIAL_API_PORT__X is not a setting"),
    ("PERENNIAL_ACCES_KEYS__crm__secret", OWN, "PERENNIAL_ACCES_KEYS__crm__secret is not a setting"),
    ("PERENNIAL_ACCESS_KEYS__crm__secrt", OWN, "access_keys.crm.secrt: is not known here; did you mean secret?"),
    (
        "PERENNIAL_INSTANCES__demo__agnets__a1__name",
        "A",
        "instances.demo.agnets: is not known here; did you mean agents?",
    ),
    (
        "PERENNIAL_INSTANCES__demo__workstreams__live__open_agee",
        "PT1S",
        "instances.demo.workstreams.live.open_agee: is not known here; did you mean open_age?",
    ),
    ("PERENNIAL_INSTANCES__demo__agents__a1__zzz", "1", "instances.demo.agents.a1.zzz: is not known here"),
    ("PERENNIAL_TOKEN_KEYS", "short", 'PERENNIAL_TOKEN_KEYS must be a JSON list, such as ["'),
    ("PERENNIAL_TOKEN_KEYS", '"short"', 'PERENNIAL_TOKEN_KEYS must be a JSON list, such as ["'),
    ("PERENNIAL_ACCESS_KEYS", "x", "PERENNIAL_ACCESS_KEYS must be a JSON object"),
    ("PERENNIAL_INSTANCES", "[]", "PERENNIAL_INSTANCES must be a JSON object"),
    ("PERENNIAL_LIMITS", "off", "PERENNIAL_LIMITS must be a JSON object"),
    ("PERENNIAL_LIMITS__MESSAGES", "fast", 'limits.messages: must be a rate and a burst, such as "10/15", or "off"'),
    ("PERENNIAL_LIMITS__MESSAGES", "0/15", "limits.messages: must be a rate"),
    ("PERENNIAL_LIMITS__MESSAGES", "10/0", "limits.messages: must be a rate"),
    ("PERENNIAL_LIMITS__SOCKETS", "0", "limits.sockets: "),
    ("PERENNIAL_LIMITS__MESAGES", "10/15", "limits.mesages: "),
    ("PERENNIAL_INSTANCES__demo__limits__open_chats", "none", "instances.demo.limits.open_chats: "),
    ("PERENNIAL_PUBLIC_URL", "chat.example.org", "public_url: must begin with http:// or https://"),
    ("PERENNIAL_ATTACHMENT_SCANNER", "clamd://scanner", "attachment_scanner: must be clamd://host:port, http"),
    ("PERENNIAL_ATTACHMENT_SCANNER", "scanner:3310", "attachment_scanner: must be clamd://host:port, http"),
    ("PERENNIAL_PUBLIC_URL", "https://", "public_url: must begin with http:// or https://"),
    ("PERENNIAL_ALLOWED_ORIGINS", "https://shop.example.org", "PERENNIAL_ALLOWED_ORIGINS must be a JSON list, such as"),
    (
        "PERENNIAL_ALLOWED_ORIGINS",
        '["https://shop.example.org/"]',
        "allowed_origins: 'https://shop.example.org/' must be",
    ),
    ("PERENNIAL_ALLOWED_ORIGINS", '["shop.example.org"]', "allowed_origins: 'shop.example.org' must be an origin"),
    ("PERENNIAL_ALLOWED_ORIGINS", '["https://*.example.org"]', "allowed_origins: 'https://*.example.org' must be"),
    ("PERENNIAL_ALLOWED_HOSTS", "chat.example.org", "PERENNIAL_ALLOWED_HOSTS must be a JSON list, such as"),
    ("PERENNIAL_PARTICIPANT_TOKEN_LIFE", "P366D", "participant_token_life: "),
    ("PERENNIAL_RECONNECT_LINK_LIFE", "0", "reconnect_link_life: "),
    ("PERENNIAL_PRESENCE_DEBOUNCE", "-PT5S", "presence_debounce: "),
    ("PERENNIAL_AGENT_DISCONNECT_GRACE", "-PT5S", "agent_disconnect_grace: "),
    ("PERENNIAL_POSITIONS_EVERY", "soon", 'positions_every: must be a duration, such as "PT10M"'),
    (
        "PERENNIAL_ACCESS_KEYS__perennial__instances",
        '["none"]',
        "access_keys.perennial.instances: there is no instance",
    ),
    ("PERENNIAL_ACCESS_KEYS__crm__secret", "perennial-demo-secret", "access_keys: "),
    ("PERENNIAL_ACCESS_KEYS__crm__roles", '["chats"]', "access_keys.crm: an access key has either a secret or a"),
    ("PERENNIAL_ACCESS_KEYS__perennial__secret_sha256", "0" * 64, "access_keys.perennial: an access key has either"),
    ("PERENNIAL_ACCESS_KEYS__crm__secret_sha256", "not a digest", "access_keys.crm.secret_sha256: "),
    ("PERENNIAL_ACCESS_KEYS__perennial__roles", "[]", "access_keys.perennial: roles: an access key needs at least one"),
    ("PERENNIAL_ACCESS_KEYS__perennial__roles", '["admin"]', "access_keys.perennial.roles"),
    ("PERENNIAL_ACCESS_KEYS__crm__secret_sha256", digest_of("perennial-demo-secret"), "have the same secret"),
    ("PERENNIAL_ACCESS_KEYS__crm__secret_sha256", digest_of(""), "secret_sha256: is the hash of an empty secret"),
    ("PERENNIAL_ACCESS_KEYS__perennial__instances", "[]", "instances: must name an instance; leave it out for all"),
    *(
        ("PERENNIAL_ACCESS_KEYS__crm__secret", secret, "access_keys.crm.secret: must be of printable ASCII characters")
        for secret in (
            f" {OWN}",
            f"{OWN} ",
            f"{OWN}\n",
            f"{OWN}\t.",
            f"{OWN}\x7f.",
            "ein geheimer Schlüssel",
            "k" * 15 + "€",
        )
    ),
]


@pytest.mark.parametrize(("variable", "value", "mention"), WRONG)
def test_wrong_variable_stops_the_start_and_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, mention: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StartupError) as raised:
        load_settings()
    assert mention in str(raised.value)
    assert "perennial-demo-secret" not in str(raised.value)


def test_variables_that_are_no_settings_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_CONFIG", "perennial.toml")
    monkeypatch.setenv("PERENNIAL_TEST_POSTGRES_URL", "postgresql://x")
    monkeypatch.setenv("PERENNIAL_CACHED_CONVERSATIONS", "0")
    monkeypatch.setenv("PERENNIAL_PUBLIC_URL", "http://localhost:8080/base")
    assert load_settings().cached_conversations == 0


def test_limits_are_rates_numbers_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("perennial.toml").write_text(
        FILE
        + """
        [instances.demo.limits]
        open_chats = 7
        [limits]
        messages = "0.5/2"
        starts = "off"
        open_chats = "off"
        """
    )
    monkeypatch.setenv("PERENNIAL_LIMITS__SEARCHES", "off")
    monkeypatch.setenv("PERENNIAL_LIMITS__SOCKETS", "12")
    settings = load_settings()
    limits = settings.limits
    assert (limits.messages, limits.starts, limits.searches) == (Rate(0.5, 2), None, None)
    assert (limits.transcripts, limits.failed_authentications) == (Rate(8, 12), 30)
    assert (number(limits.open_chats), number(limits.sockets)) == (None, 12)
    assert settings.instances["demo"].limits.open_chats == 7
    assert LimitSettings.model_validate(limits.model_dump(mode="json")) == limits
