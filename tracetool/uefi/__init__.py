"""Structures of UEFI firmware in flash: volumes, the variable store, fault tolerant writes."""
