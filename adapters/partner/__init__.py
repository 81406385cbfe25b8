"""The calling side of gRPC: a channel per partner, and when to try again."""
