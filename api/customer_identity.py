"""Who a customer is: whom the backend names, or whom a token names that the team's site has signed.

A workstream with `customer_identity = "signed"` knows its customers by tokens alone. A token that is given without need is
verified all the same. It is never stored.
"""

from __future__ import annotations

from typing import NamedTuple

from api.dependencies import Services
from configuration.schema.instances import InstanceSettings
from domain.errors import AccessDenied, UnknownToken
from store.records import StoredConversation

MAX_SUBJECT_LENGTH = 128
"""Characters of a `CustomerId`."""


class CustomerOfChat(NamedTuple):
    """The customer of a chat, None for an anonymous one, and the workstream in which this is known."""

    id: str | None
    workstream: str


async def known_customer(
    services: Services,
    instance: InstanceSettings,
    named: CustomerOfChat,
    token: str | None,
    *,
    member: str,
) -> CustomerOfChat:
    """Return the customer of a request, as its token says.

    Args:
        services: the services of the process.
        instance: the instance of the request.
        named: the customer that the request or the chat names without a token.
        token: the token of the request; None if it has none.
        member: the member of the request that has the token, for the messages.

    Raises:
        AccessDenied: the token is missing where it is needed, is not valid, or is another customer's.
        Unavailable: the keys that verify the token cannot be read.
    """
    if token is None:
        if _needs_signed_customers(instance, named.workstream):
            raise AccessDenied(
                f"{member}: is needed, because the workstream {named.workstream!r} knows its customers by signed tokens."
            )
        return named
    subject = await _subject(services, instance, token, member)
    if named.id not in (None, subject):
        raise AccessDenied(f"{member}: is a token of another customer.")
    return named._replace(id=subject)


def may_continue(
    services: Services, instance: InstanceSettings, source: StoredConversation, customer: CustomerOfChat
) -> bool:
    """Whether a customer may continue a chat: their own, an anonymous customer's, or any if the settings allow it.

    What was said to customers who are known by tokens stays in workstreams that know their customers so, whatever the settings
    are. Elsewhere a chat could be continued further under the same id without a token.
    """
    is_theirs = source.customer_id in (None, customer.id)
    if _needs_signed_customers(instance, source.workstream):
        return is_theirs and _needs_signed_customers(instance, customer.workstream)
    return is_theirs or not services.settings.same_customer


def _needs_signed_customers(instance: InstanceSettings, workstream: str) -> bool:
    settings = instance.workstreams.get(workstream)
    return settings is not None and settings.needs_signed_customers


async def _subject(services: Services, instance: InstanceSettings, token: str, member: str) -> str:
    issuer = instance.customer_identity
    if issuer is None:
        raise AccessDenied(f"{member}: cannot be verified, because the instance has no customer_identity.")
    try:
        claims = await services.foreign_tokens.verify(token, issuer, issuer.audience)
    except UnknownToken:
        # not counted by address: it is the address of the backend, and the token the customer's
        raise AccessDenied(f"{member}: is not valid.") from None
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_LENGTH or "\x00" in subject:
        raise AccessDenied(f"{member}: its `sub` must be a text of 1 to {MAX_SUBJECT_LENGTH} characters.")
    return subject
