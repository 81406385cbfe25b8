"""The serving side of gRPC: credentials, callers, errors, the server, and the servicers."""
