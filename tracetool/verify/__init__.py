"""Verification of the model on a trace: trace, model, image and a real device compared with each other."""

from tracetool.verify.verification import Check, DeviceProof, Place, Standing, Subject, Verification
from tracetool.verify.verify import verify

__all__ = ["Check", "DeviceProof", "Place", "Standing", "Subject", "Verification", "verify"]
