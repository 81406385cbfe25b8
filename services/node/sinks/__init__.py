"""Sinks: what this city received, into its own table or folder."""
