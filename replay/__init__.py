"""Replay: the CFI01 flash alone, columns in, columns out."""

from replay.form import choose

choose()
