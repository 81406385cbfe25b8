"""Conformance: a partner of an invented city that holds any node to its promises, right and wrong bytes alike."""
