"""Conversion between rows of the store and records: which columns a record needs, and how a joined row is read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, Table, select

from domain.conversation import RehydratedPast
from domain.value import Value
from store import schema
from store.records import StoredContact, StoredConversation


def past_columns(past: RehydratedPast | None) -> dict[str, str | int]:
    """Returns the columns of `conversations` that link a conversation to its past; none when it has no past."""
    if past is None:
        return {}
    return {
        "association_id": past.association_id,
        "continued_from": past.contact_id,
        "past_id": past.conversation_id,
        "past_seq": past.seq,
        "past_items": past.items,
    }


def columns(table: Table, record: type[Value]) -> list[Any]:
    """Returns the columns of a table that a record holds, in the record's order."""
    return [table.c[name] for name in record.model_fields]


def select_contacts() -> Select[*tuple[Any, ...]]:
    """Builds the query for contacts with their conversations. `contact_of` reads its rows."""
    contact, conversation = schema.contacts, schema.conversations
    return select(*labelled(contact, StoredContact), *labelled(conversation, StoredConversation)).join(
        conversation, conversation.c.id == contact.c.conversation_id
    )


def latest_contact_first() -> tuple[ColumnElement[Any], ...]:
    """Returns the order of the contacts of one conversation: the latest first. An index has it.

    `initiated_at` can be equal. Of those contacts the latest has no `last_seq`, or the greatest.
    """
    contact = schema.contacts.c
    return contact.initiated_at.desc(), contact.last_seq.desc().nulls_first()


def contact_of(row: RowMapping) -> tuple[StoredContact, StoredConversation]:
    """Converts a row of `select_contacts`."""
    contact, conversation = schema.contacts, schema.conversations
    return StoredContact(**unlabelled(row, contact, StoredContact)), StoredConversation(
        **unlabelled(row, conversation, StoredConversation)
    )


def labelled(table: Table, record: type[Value]) -> list[Any]:
    """Returns the columns of a table that a record holds, with labels that are unique in a join."""
    return [column.label(f"{table.name}_{column.name}") for column in columns(table, record)]


def unlabelled(row: RowMapping, table: Table, record: type[Value]) -> dict[str, Any]:
    """Returns the values of a record's fields from a row with the columns of `labelled`."""
    return {name: row[f"{table.name}_{name}"] for name in record.model_fields}
