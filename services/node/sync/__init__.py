"""Sync: a file's rows into the outbox, and what became of each of them."""
