"""Who a customer is: whom the backend names, or whom a token names that the team's site has signed.

A workstream with `customer_identity = "signed"` knows its customers by tokens alone. A token that is given without need is
verified all the same. It is never stored, but the chat remembers that there was one: its customer needs one for ever.
"""

from __future__ import annotations

from typing import NamedTuple

from api.dependencies import Services
from configuration.schema.instances import InstanceSettings
from domain.errors import AccessDenied, UnknownToken
from domain.value import is_storable
from store.records import StoredConversation

MAX_SUBJECT_LENGTH = 128
"""Characters of a `CustomerId`."""


SIGNED_CHAT = "is needed, because a signed token says who the customer of this chat is."
"""The end of a refusal."""


class CustomerOfChat(NamedTuple):
    """The customer of a chat, None for an anonymous one, and whether a token named them."""

    id: str | None
    is_signed: bool = False


async def known_customer(
    services: Services,
    instance: InstanceSettings,
    workstream: str,
    named: CustomerOfChat,
    token: str | None,
    *,
    member: str,
) -> CustomerOfChat:
    """Return the customer of a request, as its token says.

    Args:
        services: the services of the process.
        instance: the instance of the request.
        workstream: the workstream of the chat.
        named: the customer whom the request names without a token, or that of the chat to which it returns.
        token: the token of the request; None if it has none.
        member: the member of the request that has the token, for the messages.

    Raises:
        AccessDenied: the token is missing where it is needed, is not valid, or is another customer's.
        Unavailable: the keys that verify the token cannot be read.
    """
    if token is None:
        settings = instance.workstreams.get(workstream)
        if settings is not None and settings.needs_signed_customers:
            raise AccessDenied(
                f"{member}: is needed, because the workstream {workstream!r} knows its customers by signed tokens."
            )
        if named.is_signed:
            raise AccessDenied(f"{member}: {SIGNED_CHAT}")
        return named
    subject = await _subject(services, instance, token, member)
    if named.id not in (None, subject):
        raise AccessDenied(f"{member}: is a token of another customer.")
    return CustomerOfChat(subject, is_signed=True)


def recorded_customer(conversation: StoredConversation) -> CustomerOfChat:
    """The customer of a chat, as it began."""
    return CustomerOfChat(conversation.customer_id, conversation.is_customer_signed)


def may_continue(services: Services, source: StoredConversation, customer: CustomerOfChat) -> bool:
    """Whether a customer may continue a chat: their own, an anonymous customer's, or any if the settings allow it.

    What a customer has said whom a token named is only for that customer, named by a token again, whatever the settings are.
    """
    is_theirs = source.customer_id in (None, customer.id)
    if source.is_customer_signed:
        return is_theirs and customer.is_signed
    return is_theirs or not services.settings.same_customer


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
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_LENGTH or not is_storable(subject):
        raise AccessDenied(f"{member}: its `sub` must be a text of 1 to {MAX_SUBJECT_LENGTH} characters.")
    return subject
