"""Where facts are kept: schema, migrations and queries, the same on SQLite and PostgreSQL."""
