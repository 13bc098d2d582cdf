"""How a deployment under chaos is configured. Limits are short, so that each passes several times in a run."""

from __future__ import annotations

from base64 import b64encode

SECRET = "perennial-demo-secret"
WEBHOOK_SECRET = "whsec_" + b64encode(b"the same secret in all runs").decode()
INSTANCE = "demo"
LIVE, PERSISTENT = "live", "persistent"
"""The workstreams, and their queues."""

DESKS = tuple(f"a{number}" for number in range(1, 7))
CAPACITY = 12

RECONNECT_WINDOW = 20.0
SILENCE = 8.0
"""How long the customer of a live chat may owe an answer."""
WRAP_UP = 6.0
AGENT_GRACE = 20.0
OFFER_WITHIN = 10.0
DEBOUNCE = 2.0
LEASE = 6.0
DEATH = LEASE + DEBOUNCE + 5.0 + LEASE / 3
"""After so many seconds at most the connections of a dead API process are reported as lost."""

LIMITS = (
    *(
        "MESSAGES",
        "TRANSCRIPTS",
        "CONNECTIONS",
        "DISCONNECTS",
        "STARTS",
        "CONTACTS",
        "SEARCHES",
        "CONTROLS",
        "BACKENDS",
    ),
    *("AGENTS", "FAILED_AUTHENTICATIONS", "OPEN_CHATS"),
)
"""The limits that people keep and this suite does not."""

SETTINGS = {
    "PERENNIAL_POSITIONS_EVERY": "P1D",
    "PERENNIAL_PRESENCE_DEBOUNCE": f"PT{DEBOUNCE:.0f}S",
    "PERENNIAL_PRESENCE_LEASE": f"PT{LEASE:.0f}S",
    "PERENNIAL_STOP_NOTICE": "PT1S",
    "PERENNIAL_STOP_TIME": "PT10S",
    "PERENNIAL_WORKER_PORT": "0",
    "PERENNIAL_WEBHOOK_LOOPBACK": "true",
    **{f"PERENNIAL_LIMITS__{limit}": "off" for limit in LIMITS},
    "PERENNIAL_RECYCLE_AFTER": "400",
    "PERENNIAL_TOKEN_KEYS": '["the same token key in all API processes"]',
}

_WORKSTREAM = """
[instances.{instance}.workstreams.{name}]
mode = "{name}"
queue = "{name}"
over_capacity = false
missed_offers = 20
wrap_up = {wrap_up}
agent_grace = {grace}
offer_within = {offer}
connect_within = "P1D"
same_agent_wait = 5
"""
_LIVE_ONLY = """
reconnect_window = {window}
[[instances.{instance}.workstreams.live.idle_rules]]
silent = "customer"
after = {silence}
action = "close"
text = "Nobody is here any more."
"""
_WEBHOOK = """
[instances.{instance}.webhooks.receiver]
url = "http://127.0.0.1:{port}/hook"
secrets = ["{secret}"]
max_in_flight = 50
"""
_AGENT = """
[instances.{instance}.agents.{name}]
name = "{name}"
capacity = {capacity}
"""


def configuration(receiver: int) -> str:
    """The configuration file: a live and a persistent workstream, the agents, and the webhook to a port of this machine."""
    values = {"instance": INSTANCE, "wrap_up": WRAP_UP, "grace": AGENT_GRACE, "offer": OFFER_WITHIN}
    live = _WORKSTREAM.format(name=LIVE, **values)
    live += _LIVE_ONLY.format(instance=INSTANCE, window=RECONNECT_WINDOW, silence=SILENCE)
    agents = "".join(_AGENT.format(instance=INSTANCE, name=name, capacity=CAPACITY) for name in DESKS)
    key = f'[access_keys.perennial]\nsecret = "{SECRET}"\n'
    webhook = _WEBHOOK.format(instance=INSTANCE, port=receiver, secret=WEBHOOK_SECRET)
    return key + live + _WORKSTREAM.format(name=PERSISTENT, **values) + agents + webhook
