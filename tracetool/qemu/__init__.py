"""QEMU processes: found, queried, driven over their bus, and always terminated."""
