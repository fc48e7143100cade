"""Model of what edk2's firmware does with a flash image at its next boot: repair, recovery, reformat or hang."""

from tracetool.uefi.boot.firmware import FIRMWARES, Firmware, likely_firmwares
from tracetool.uefi.boot.order import Boot, Outcome, boot
from tracetool.uefi.boot.steps import Rule, Step

__all__ = ["FIRMWARES", "Boot", "Firmware", "Outcome", "Rule", "Step", "boot", "likely_firmwares"]
