"""The state machine of a CFI02 flash: AMD's command set as QEMU models it."""
