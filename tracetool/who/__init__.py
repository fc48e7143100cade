"""Which guest code made each access to the flash, from the log of a plugin in QEMU."""
