"""The store: the only place that speaks SQL. SQLite by default, PostgreSQL beyond one machine."""
