"""Replay: the CFI01 flash alone, columns in, columns out."""
