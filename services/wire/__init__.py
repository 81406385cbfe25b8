"""Protobuf ↔ domain, errors ↔ status, and the gate: shared by the serving and the calling side."""
