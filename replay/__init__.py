"""Replay: the CFI01 flash alone, columns in, columns out."""

from replay.kernel_form import choose

choose()
