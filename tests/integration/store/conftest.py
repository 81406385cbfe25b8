"""The same databases as in the contract suite."""

from __future__ import annotations

from tests.contract.store.conftest import migrated_file, postgres, postgresql_url, sender, sqlite_url, store, url

__all__ = ["migrated_file", "postgres", "postgresql_url", "sender", "sqlite_url", "store", "url"]
