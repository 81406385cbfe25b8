"""One file for each revision, in one line: NNNN_what.py."""
