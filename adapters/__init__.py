"""The city's edge: dialects, mappings, row sources and sinks, and the calling side of the exchange."""
