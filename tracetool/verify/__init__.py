"""Is the model right about this trace? Trace, model, image and a real device held against each other."""

from tracetool.verify.verification import Check, DeviceProof, Place, Standing, Subject, Verification
from tracetool.verify.verify import verify

__all__ = ["Check", "DeviceProof", "Place", "Standing", "Subject", "Verification", "verify"]
