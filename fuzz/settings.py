"""How the Perennial under fuzzing is configured: two tenants that are called, and one that nobody names until the end."""

from __future__ import annotations

from chaos.settings import LIMITS

INSTANCE, FOREIGN, INNOCENT = "demo", "foreign", "innocent"
"""The tenant of most requests, another one, and the one of the innocent chat."""

WORKSTREAMS = ("live", "persistent", "survey")
AGENTS = ("a1", "a2", "s1")
SUPERVISOR = "s1"

KEYS = {INSTANCE: "key-of-demo", FOREIGN: "key-of-foreign", INNOCENT: "key-of-innocent", "": "key-of-all"}
"""The ids of the access keys by their instance. The one of all instances is under the empty name."""

TOKEN_KEY = "the fuzzer knows this key and signs with it"

SETTINGS = {
    "PERENNIAL_TOKEN_KEYS": f'["{TOKEN_KEY}"]',
    "PERENNIAL_WORKER_PORT": "0",
    "PERENNIAL_STOP_NOTICE": "0",
    **{f"PERENNIAL_LIMITS__{limit}": "off" for limit in LIMITS},
    "PERENNIAL_RECYCLE_AFTER": "200",
}

_INSTANCE = """
[access_keys.key-of-{instance}]
secret = "{secret}"
instances = ["{instance}"]
[instances.{instance}.hours.office]
time_zone = "Europe/Berlin"
[instances.{instance}.queues.closed]
hours = "office"
[instances.{instance}.workstreams.live]
mode = "live"
queue = "live"
reconnection = {{ portal_url = "https://example.org/chat" }}
[instances.{instance}.workstreams.persistent]
mode = "persistent"
queue = "persistent"
reconnection = {{ portal_url = "https://example.org/chat" }}
[instances.{instance}.workstreams.survey]
mode = "persistent"
queue = "survey"
survey = {{ questions = [{{ key = "mark", text = "How was it?", choices = ["Good", "Poor"] }}] }}
[instances.{instance}.agents.a1]
name = "Agent One"
capacity = 100
[instances.{instance}.agents.a2]
name = "Agent Two"
capacity = 100
[instances.{instance}.agents.s1]
name = "Supervisor"
supervisor = true
queues = []
"""


def secret_of(instance: str) -> str:
    """The secret of the access key of an instance; of the key for all under the empty name."""
    return f"secret-of-{instance or 'all'}-for-fuzzing"


def configuration() -> str:
    """The configuration file."""
    tables = [_INSTANCE.format(instance=name, secret=secret_of(name)) for name in (INSTANCE, FOREIGN, INNOCENT)]
    return "".join(tables) + f'[access_keys.key-of-all]\nsecret = "{secret_of("")}"\n'
