"""The configuration of instances. Every mistake prevents the start and is named by its key."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from configuration.schema.sections import NEVER, LocalizedText, text_in_language
from runtime.errors import StartupError
from runtime.settings import Settings, load_settings

LIVE = '[instances.i.workstreams.w]\nmode = "live"\nqueue = "q"\n'
PERSISTENT = LIVE.replace("live", "persistent")
HOURS = LIVE + '[instances.i.hours.h]\ntime_zone = "Europe/Vienna"\n'
RULES = "[[instances.i.workstreams.w.idle_rules]]\n"
W, H = "instances.i.workstreams.w", "instances.i.hours.h"


def load(path: Path, toml: str) -> Settings:
    (path / "perennial.toml").write_text(toml)
    return load_settings()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rule(silent: str = "customer", after: str = "PT10M", action: str = "remind", text: str | None = "Hello?") -> str:
    line = "" if text is None else f'text = "{text}"\n'
    return f'{RULES}silent = "{silent}"\nafter = "{after}"\naction = "{action}"\n{line}'


MISTAKES = [
    # hours
    (HOURS.replace("Europe/Vienna", "Europe/Atlantis"), f"{H}.time_zone"),
    (HOURS.replace("Europe/Vienna", "Europe"), f"{H}.time_zone"),
    (HOURS.replace('time_zone = "Europe/Vienna"', ""), f"{H}.time_zone"),
    (HOURS + 'weekly = { monday = ["08:00-17:00"] }', f"{H}.weekly.monday"),
    (HOURS + 'weekly = { mon = ["8-17"] }', f"{H}.weekly.mon.0"),
    (HOURS + 'weekly = { mon = ["08:00-12:00", "25:00-26:00"] }', f"{H}.weekly.mon.1"),
    (HOURS + 'weekly = { mon = ["24:00-08:00"] }', f"{H}.weekly.mon.0"),
    (HOURS + 'weekly = { mon = ["08:00-24:30"] }', f"{H}.weekly.mon.0"),
    (HOURS + 'weekly = { mon = "08:00-17:00" }', f"{H}.weekly.mon"),
    (HOURS + 'holidays = { country = "Atlantis" }', f"{H}.holidays.country"),
    (HOURS + 'holidays = { country = "utils" }', f"{H}.holidays.country"),
    (HOURS + 'holidays = { country = "AT", subdivision = "99" }', f"{H}.holidays.subdivision"),
    (HOURS + 'holidays = { subdivision = "9" }', f"{H}.holidays.country"),
    (HOURS + 'closed = ["24.12.2026"]', f"{H}.closed.0"),
    (HOURS + "closed = [5]", f"{H}.closed.0"),
    (HOURS + 'special = { "2026-02-30" = [] }', f"{H}.special.2026-02-30"),
    (HOURS + 'special = { "2026-12-31" = ["8"] }', f"{H}.special.2026-12-31.0"),
    (HOURS + 'closed = ["2026-12-31"]\nspecial = { "2026-12-31" = [] }', f"{H}.special: 2026-12-31"),
    (HOURS + '[instances.i.queues.q]\nhours = "office"', "instances.i.queues: q.hours"),
    (HOURS + '[instances.i.queues.q]\nhour = "h"', "instances.i.queues.q.hour"),
    # keys of the other mode
    (PERSISTENT + 'outside_hours = "refuse"', f"{W}.outside_hours"),
    (PERSISTENT + 'outside_hours = "queue"', f"{W}.outside_hours"),
    (LIVE + 'outside_hours = "sometimes"', f"{W}.outside_hours"),
    (LIVE + 'waiting_period = "P3D"', f"{W}.waiting_period"),
    (LIVE + 'waiting_period = "never"', f"{W}.waiting_period"),
    (PERSISTENT + 'texts = { position_in_queue = "Wait" }', f"{W}.texts: position_in_queue"),
    (PERSISTENT + 'texts = { next_in_line = "" }', f"{W}.texts: next_in_line"),
    (PERSISTENT + 'texts = { average_wait = "Wait" }', f"{W}.texts: average_wait"),
    # limits
    (LIVE + 'wrap_up = "never"', f"{W}.wrap_up"),
    (LIVE + 'open_age = "always"', f"{W}.open_age"),
    (LIVE + 'open_age = "PT0S"', f"{W}.open_age"),
    (LIVE + 'agent_grace = "-PT3M"', f"{W}.agent_grace"),
    (LIVE + 'duration = "P999999D"', f"{W}.duration"),
    # reconnection
    (LIVE + 'reconnect_window = "PT0S"', f"{W}.reconnect_window"),
    (LIVE + 'reconnection = { limit = "PT15M" }', f"{W}.reconnection.limit"),
    (PERSISTENT + 'reconnect_window = "PT15M"', f"{W}.reconnect_window: is for live workstreams"),
    (PERSISTENT + 'reconnection = { portal_url = "ftp://example.org" }', f"{W}.reconnection.portal_url"),
    (PERSISTENT + 'reconnection = { portal_url = "http:example.org" }', f"{W}.reconnection.portal_url"),
    (PERSISTENT + 'reconnection = { portal_url = "https://[::1" }', f"{W}.reconnection.portal_url"),
    (
        LIVE + 'reconnection = { redirect_url = "javascript:alert(1)" }',
        f"{W}.reconnection.redirect_url",
    ),
    # texts
    (LIVE + f'texts = {{ greeting = "{"x" * 2001}" }}', f"{W}.texts.greeting"),
    (LIVE + f'texts = {{ greeting = {{ de = "{"x" * 2001}" }} }}', f"{W}.texts.greeting.de"),
    (LIVE + 'texts = { greeting = { "not a language" = "Hi" } }', f"{W}.texts.greeting.not a language"),
    (LIVE + "texts = { greeting = {} }", f"{W}.texts.greeting"),
    (LIVE + "texts = { greeting = 5 }", f"{W}.texts.greeting"),
    (LIVE + 'texts = { greetings = "Hi" }', f"{W}.texts.greetings"),
    (LIVE + 'language = "german, please"', f"{W}.language"),
    # idle rules
    (LIVE + rule(silent="bot"), f"{W}.idle_rules.0.silent"),
    (LIVE + rule(after="PT0S"), f"{W}.idle_rules.0.after"),
    (LIVE + rule(after="never"), f"{W}.idle_rules.0.after"),
    (LIVE + rule(action="shout"), f"{W}.idle_rules.0.action"),
    (LIVE + rule(action="release"), f"{W}.idle_rules.0.action"),
    (LIVE + rule("agent", action="warn"), f"{W}.idle_rules.0.action"),
    (LIVE + rule("agent", action="close"), f"{W}.idle_rules.0.action"),
    (LIVE + rule(text=None), f"{W}.idle_rules.0.text"),
    (LIVE + rule() + rule(after="PT11M", action="warn", text=""), f"{W}.idle_rules.1.text"),
    (LIVE + rule() + rule(action="warn"), f"{W}.idle_rules: `after` must increase"),
    (LIVE + rule() + rule("agent") + rule(after="PT9M", action="close"), f"{W}.idle_rules: `after` must increase"),
    (LIVE + rule(action="close") + rule(after="PT11M"), f"{W}.idle_rules: nothing can follow the customer's close"),
    (LIVE + rule("agent", action="release") + rule("agent", "PT11M"), f"{W}.idle_rules: nothing can follow"),
]


@pytest.mark.parametrize(("toml", "key"), MISTAKES)
def test_mistake_is_named_by_its_key(folder: Path, toml: str, key: str) -> None:
    with pytest.raises(StartupError) as problem:
        load(folder, toml)
    sentence = str(problem.value)
    assert key in sentence
    assert "Value error" not in sentence


def test_file_that_is_not_toml_is_named(folder: Path) -> None:
    file = folder / "perennial.toml"
    for content in (b"key = ", b"\xff"):
        file.write_bytes(content)
        with pytest.raises(StartupError, match=r"^perennial\.toml is not valid TOML: "):
            load_settings()
    file.unlink()
    file.mkdir()
    with pytest.raises(StartupError, match=r"^the configuration file perennial\.toml cannot be read: "):
        load_settings()


def test_variable_that_is_not_json_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_TOKEN_KEYS", "not in brackets")
    with pytest.raises(StartupError, match="PERENNIAL_TOKEN_KEYS must be a JSON list"):
        load(folder, LIVE)


def test_valid_configuration_is_loaded_completely(folder: Path) -> None:
    settings = load(
        folder,
        HOURS
        + """
        weekly = { mon = ["08:00-12:00", "13:00-17:00"], fri = ["22:00-02:00"], sun = ["00:00-24:00"] }
        holidays = { country = "AT", subdivision = "9" }
        closed = ["2026-12-24", 2026-12-23]
        special = { "2026-12-31" = ["08:00-12:00"] }
        [instances.i.queues.q]
        hours = "h"
        [instances.i.queues.other]
        [instances.i.workstreams.full]
        mode = "live"
        queue = "full"
        outside_hours = "queue"
        language = "en"
        connect_within = "never"
        open_age = "PT1H"
        duration = "never"
        agent_grace = 90
        reconnect_window = "PT15M"
        reconnection = { portal_url = "https://example.org/chat?x=1", redirect_url = "http://127.0.0.1:1/" }
        texts = { greeting = { en = "Hi", de = "Hallo" }, ended = "" }
        [[instances.i.workstreams.full.idle_rules]]
        silent = "customer"
        after = "PT10M"
        action = "remind"
        text = { en = "Still there?", de = "Noch da?" }
        [[instances.i.workstreams.full.idle_rules]]
        silent = "agent"
        after = "PT5M"
        action = "release"
        [[instances.i.workstreams.full.idle_rules]]
        silent = "customer"
        after = "PT12M"
        action = "close"
        [instances.i.workstreams.p]
        mode = "persistent"
        queue = "p"
        waiting_period = "never"
        reconnection = { portal_url = "https://example.org" }
        """,
    )
    instance = settings.instances["i"]
    full, persistent = instance.workstreams["full"], instance.workstreams["p"]
    assert instance.queue_names == {"q", "other", "full", "p"}
    assert instance.schedule("q") == instance.hours["h"]
    assert [instance.schedule(queue) for queue in ("other", "full", "unknown")] == [None, None, None]
    assert (full.connect_within, full.duration, persistent.waiting_period) == (NEVER, NEVER, NEVER)
    assert (full.open_age, full.agent_grace) == (timedelta(hours=1), timedelta(seconds=90))
    assert [rule.silent for rule in full.idle_rules] == ["customer", "agent", "customer"]


GREETING: LocalizedText = {"de": "Hallo", "de-at": "Servus", "zh-hant": "您好"}
GREETINGS: LocalizedText = {"en": "Hello", **GREETING, "pt-br": "Oi", "zh": "你好", "he": "שלום", "in": "Halo"}


@pytest.mark.parametrize(
    ("text", "wanted", "found"),
    [
        (GREETING, ["de-AT"], "Servus"),
        (GREETING, ["de-at-1996"], "Servus"),
        (GREETING, ["de-CH"], "Hallo"),
        (GREETING, ["DE"], "Hallo"),
        (GREETING, ["zh-Hant-TW"], "您好"),
        (GREETING, ["fr", "zh-Hant"], "您好"),
        (GREETING, ["dex", None], "Hallo"),
        (GREETING, [], "Hallo"),
        (GREETING, ["", "-"], "Hallo"),
        (GREETING | {"*": "Hello"}, ["fr", "it"], "Hello"),
        (GREETING | {"de-at": ""}, ["de-AT"], ""),
        (GREETINGS, ["de_AT"], "Servus"),
        (GREETINGS, [" de"], "Hallo"),
        (GREETINGS, ["de_DE.UTF-8"], "Hallo"),
        (GREETINGS, ["de_AT@euro"], "Servus"),
        (GREETINGS, ["pt_BR"], "Oi"),
        (GREETINGS, ["zh_Hans_CN"], "你好"),
        (GREETINGS, ["zh_TW_#Hant"], "你好"),
        (GREETINGS, ["iw_IL"], "שלום"),
        (GREETINGS, ["he-IL"], "שלום"),
        (GREETINGS, ["in_ID"], "Halo"),
        (GREETINGS, ["id-ID"], "Halo"),
        (GREETINGS, ["pt-BR,pt;q=0.9,en;q=0.8"], "Oi"),
        (GREETINGS, ["_", ".", "@x", "#"], "Hello"),
    ],
)
def test_text_is_found_in_the_closest_language(text: LocalizedText, wanted: list[str | None], found: str) -> None:
    assert text_in_language(text, *wanted) == found
