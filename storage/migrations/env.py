"""Where Alembic learns which database to migrate: the connection that `storage.database` hands over.

The caller has begun a transaction, so a migration is done whole or not at all.
"""

from __future__ import annotations

from alembic import context

from storage.schema import VERSION_TABLE, metadata
from storage.views import create_views, drop_views

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, version_table=VERSION_TABLE, transactional_ddl=True)
with context.begin_transaction():
    drop_views(connection)  # a table cannot be altered under a view
    context.run_migrations()
    create_views(connection)
