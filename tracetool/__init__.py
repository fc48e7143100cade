"""Tracetool: what QEMU guests write to their flash, from QEMU's trace events."""

import replay  # noqa: F401  decides in which form the kernels run
