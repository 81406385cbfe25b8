"""Drills: an act on trust, done on throw-away nodes under load."""
