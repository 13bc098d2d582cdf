"""The kinds of callers of each plane, by the names of their columns in the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import uuid4

from api.tokens import TokenKind
from configuration.schema.access_keys import KeyRole
from tests.access.caller import Caller, Callers, callers_with
from tests.access.participants import PARTICIPANTS
from tests.access.requests import Target, public_chat, subject_of
from tests.access.tenants import ALL_ROLES, OTHER_TENANT, Tenants, bearer, provider_token, secret_of
from tests.api.token_issuer import ISSUER


def _invalid_keys(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    target = subject_of(operation, tenants)
    return callers_with(
        target,
        {
            "without credentials": {},
            "with a wrong secret": bearer("a secret that nobody has"),
            "with a strange scheme": {"authorization": "Basic YWxsOmFsbA=="},
            "with an agent token": tenants.agent("holder"),
            "with a supervisor's token": tenants.agent("supervisor"),
            "with a participant token": bearer(target.chat.participant_token),
            "with a connection token": bearer(target.chat.token),
            "with a participant's header": {"x-amz-bearer": target.chat.token},
        },
    )


def _keys_without_the_role(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    target = subject_of(operation, tenants)
    return callers_with(target, {f"key for {other}": bearer(secret_of(other)) for other in KeyRole if other != role})


def _key_of_another_tenant(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    return callers_with(subject_of(operation, tenants), {"key of another tenant": bearer(OTHER_TENANT)})


def _key_with_the_role(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    # a table that was changed, so that it can be shown, changed, deleted and reset
    tenants.send("PUT", "/v1/instances/one/queues/spare", bearer(ALL_ROLES), {})
    target = subject_of(operation, tenants)
    return callers_with(target, {f"key for {role}": bearer(secret_of(role))})


def _invalid_agents(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    target = subject_of(operation, tenants)
    tenants.add("removed")
    of_removed = tenants.agent("removed")
    tenants.remove("removed")
    tenants.add("renamed")
    of_earlier = tenants.agent("renamed")
    tenants.remove("renamed")
    tenants.add("renamed")
    return callers_with(
        target,
        {
            "without credentials": {},
            "with a wrong token": bearer("a.wrong.token"),
            "with an expired token": bearer(tenants.expired(TokenKind.AGENT, "holder", instance="one")),
            "agent who was taken out": of_removed,
            "agent who had the name before": of_earlier,
            "with a participant token": bearer(target.chat.participant_token),
            "with a connection token": bearer(target.chat.token),
            "with an access key": bearer(ALL_ROLES),
        },
    )


def _exchange(target: Target, tokens: Mapping[str, str]) -> list[Caller]:
    bodies = {who: {"instance": "one", "token": token} for who, token in tokens.items()}
    return [Caller(who, target, body=body) for who, body in bodies.items()]


def _invalid_provider_tokens(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    target = subject_of(operation, tenants)
    tokens = {
        "without a token": "",
        "with an expired token": provider_token("one", "holder", exp=1),
        "with a token for another application": provider_token("one", "holder", aud="another"),
        "with a token of another provider": provider_token("two", "holder", iss=f"{ISSUER}/one"),
        "with an agent token": tenants.agent("holder")["authorization"].removeprefix("Bearer "),
        "with a participant token": target.chat.participant_token,
        "with an access key": ALL_ROLES,
    }
    return _exchange(target, tokens)


def _with_provider_token(instance: str, user: str) -> Callers:
    def callers(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
        return _exchange(subject_of(operation, tenants), {f"{user} of {instance}": provider_token(instance, user)})

    return callers


def _browser(proof: str) -> Callers:
    """A browser that continues an ended chat, with a proof: `own`, `another chat's`, or `none`."""

    def callers(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
        target = Target(tenants, tenants.start(is_known=False))
        tenants.end(target.chat)
        contact = str(uuid4()) if proof == "another chat's" else target.chat.contact_id
        token = tenants.api.tokens().make(TokenKind.CONTINUE, contact, timedelta(minutes=1), instance="one")
        past = {"SourceContactId": target.chat.contact_id, "RehydrationType": "FROM_SEGMENT"}
        proven = {} if proof == "none" else {"ContinuationToken": token}
        return [Caller(proof, target, body=public_chat(target, PersistentChat=past, **proven))]

    return callers


def _agent(user: str, instance: str = "one") -> Callers:
    """An agent, and a chat that another agent has."""

    def callers(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
        return [Caller(user, subject_of(operation, tenants), tenants.agent(user, instance))]

    return callers


def _former_agent(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    return [Caller("former", Target(tenants, tenants.taken_from("former")), tenants.agent("former"))]


def _offered_agent(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
    chat, offer_id = tenants.offered()
    return [Caller("offered", Target(tenants, chat, offer_id), tenants.agent("offered"))]


def _agent_besides_an_offer(user: str, instance: str = "one") -> Callers:
    """An agent, and a chat that is offered to another one."""

    def callers(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
        chat, offer_id = tenants.offered()
        return [Caller(user, Target(tenants, chat, offer_id), tenants.agent(user, instance))]

    return callers


def _agent_beside_a_queue(user: str, instance: str = "one") -> Callers:
    """An agent, and a chat that waits in a queue."""

    def callers(tenants: Tenants, operation: str, role: str) -> Sequence[Caller]:
        return [Caller(user, Target(tenants, tenants.waiting()), tenants.agent(user, instance))]

    return callers


AGENTS_OF_CONTACTS: Mapping[str, Callers] = {
    "no agent token": _invalid_agents,
    "of another instance": _agent("stranger", "two"),
    "another agent": _agent("other"),
    "gets an offer": _offered_agent,
    "had it before": _former_agent,
    "has it": _agent("holder"),
    "supervisor": _agent("supervisor"),
}

PLANES: Mapping[str, Mapping[str, Callers]] = {
    "Anyone": {"anyone": lambda tenants, operation, role: [Caller("anyone", Target(tenants, tenants.start()))]},
    "Backends": {
        "no key": _invalid_keys,
        "key of another instance": _key_of_another_tenant,
        "key without the role": _keys_without_the_role,
        "key with the role": _key_with_the_role,
    },
    "Identity providers": {
        "no valid token": _invalid_provider_tokens,
        "of another instance": _with_provider_token("two", "stranger"),
        "not configured": _with_provider_token("one", "nobody"),
        "agent": _with_provider_token("one", "holder"),
    },
    "Browsers": {
        "without the proof": _browser("none"),
        "with the proof of another chat": _browser("another chat's"),
        "with the proof": _browser("own"),
    },
    "Agents": AGENTS_OF_CONTACTS,
    "Offers": {
        "no agent token": _invalid_agents,
        "of another instance": _agent_besides_an_offer("stranger", "two"),
        "another agent": _agent_besides_an_offer("other"),
        "gets the offer": _offered_agent,
        "supervisor": _agent_besides_an_offer("supervisor"),
    },
    "Queues": {
        "no agent token": _invalid_agents,
        "of another instance": _agent_beside_a_queue("stranger", "two"),
        "serves other queues": _agent_beside_a_queue("other"),
        "serves the queue": _agent_beside_a_queue("holder"),
        "supervisor": _agent_beside_a_queue("supervisor"),
    },
    "Supervisors": {
        "no agent token": _invalid_agents,
        "agent who has the contact": _agent("holder"),
        "supervisor of another instance": _agent("chief", "two"),
        "supervisor": _agent("supervisor"),
    },
    "Participants": PARTICIPANTS,
}
"""By the heading above a table, and the head of a column."""
