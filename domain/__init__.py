"""Shared vocabulary of all rooms: enums, identifiers, limits, records, events and policies. It imports no other room."""
