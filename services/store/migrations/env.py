"""What Alembic runs: the migrations, on the connection and in the transaction that it is given."""

from __future__ import annotations

from alembic import context

from services.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,  # on SQLite too: the driver is told to begin nothing by itself
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()
