"""Recording of a guest under trace: from a QEMU command line to a run directory."""
