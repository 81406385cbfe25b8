"""The composition root: settings, wiring, the `yrdx` command line, the life of a node's process."""
