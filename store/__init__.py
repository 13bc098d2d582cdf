"""The store: schema, migrations, and queries for conversations, transcripts and configuration, on SQLite and PostgreSQL."""
