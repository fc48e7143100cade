"""Tracetool: what QEMU guests write to their flash, from QEMU's trace events."""
