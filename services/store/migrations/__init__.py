"""Alembic migrations, carried out by `services.store.schema`; each runs on SQLite and on PostgreSQL."""
