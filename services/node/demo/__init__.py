"""Two demo cities on this machine: what `yrdx up` shows, benchmarks measure and tests kill."""
