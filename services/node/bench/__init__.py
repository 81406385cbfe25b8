"""Benchmarks: ours against a floor in the same run, since machines differ and are noisy."""
