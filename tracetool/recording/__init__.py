"""A guest that runs under trace: from a QEMU command line to a run directory."""
