from __future__ import annotations

import struct
from hashlib import sha256
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from uuid import UUID

from cryptography.x509.oid import NameOID

from tests.tracetool.uefi.test_certificates import certificate
from tracetool.uefi.values import GLOBAL, value_text

if TYPE_CHECKING:
    from tracetool.uefi.variables import Variable

X509 = UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
OWNER = UUID("77fa9abd-0359-4d32-bd60-28f4e78f784b")


def test_a_certificate_is_named_by_its_hash_and_owner() -> None:
    certificate = b"not parsed"
    entry = OWNER.bytes_le + certificate
    data = X509.bytes_le + struct.pack("<III", 28 + len(entry), 0, len(entry)) + entry
    words = value_text(cast("Variable", SimpleNamespace(name="PK", guid=GLOBAL, data=data)))
    assert words == f"certificate of 10 bytes, SHA-256 {sha256(certificate).hexdigest()}, owner {OWNER}"


def test_a_certificate_that_can_be_read_is_named_by_its_subject() -> None:
    made = certificate((NameOID.COMMON_NAME, "Windows UEFI CA 2023"))
    entry = OWNER.bytes_le + made
    data = X509.bytes_le + struct.pack("<III", 28 + len(entry), 0, len(entry)) + entry
    words = value_text(cast("Variable", SimpleNamespace(name="KEK", guid=GLOBAL, data=data)))
    assert words is not None
    assert words.startswith(f"certificate of Windows UEFI CA 2023, {len(made)} bytes, SHA-256 ")
