"""Subjects of certificates, against another decoder, and on any bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from tracetool.uefi.certificates import subject_of

COMMON, UNIT, ORGANIZATION = NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME


@cache
def certificate(*names: tuple[x509.ObjectIdentifier, str]) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(COMMON, "the issuer")])
    began = datetime(2026, 1, 1, tzinfo=UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(*name) for name in names]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (((COMMON, "Windows UEFI CA 2023"), (ORGANIZATION, "Someone")), "Windows UEFI CA 2023"),
        (((ORGANIZATION, "Someone"), (COMMON, "Schlüssel für alles")), "Schlüssel für alles"),
        (((ORGANIZATION, "Someone"), (UNIT, "Keys")), "Keys"),
        (((NameOID.COUNTRY_NAME, "DE"), (ORGANIZATION, "Someone")), "Someone"),
        (((NameOID.COUNTRY_NAME, "DE"),), None),
        ((), None),
        (((COMMON, "n" * 64),), "n" * 64),
    ],
)
def test_the_name_of_the_subject_is_found(
    names: tuple[tuple[x509.ObjectIdentifier, str], ...], shown: str | None
) -> None:
    assert subject_of(certificate(*names)) == shown


WHOLE = certificate((COMMON, "Windows UEFI CA 2023"))


@pytest.mark.parametrize("encoding", [0x0C, 0x13, 0x14, 0x16])
def test_texts_of_every_kind_are_read(encoding: int) -> None:
    at = WHOLE.index(b"Windows") - 2
    assert subject_of(WHOLE[:at] + bytes([encoding]) + WHOLE[at + 1 :]) == "Windows UEFI CA 2023"


def der(tag: int, *parts: bytes) -> bytes:
    contents = b"".join(parts)
    return bytes([tag, len(contents)]) + contents


def test_an_old_certificate_without_a_version_is_read() -> None:
    name = der(0x30, der(0x31, der(0x30, der(0x06, b"\x55\x04\x03"), der(0x13, b"Old CA"))))
    fields = der(0x02, b"\1"), der(0x30), der(0x30), der(0x30), name
    assert subject_of(der(0x30, der(0x30, *fields))) == "Old CA"
    assert subject_of(der(0x30, der(0x30, der(0xA0, der(0x02, b"\2")), *fields))) == "Old CA"
    assert subject_of(der(0x30, der(0x30, *fields[:4]))) is None


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x80\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x30\x02\x30\x00"])
def test_what_is_no_certificate_has_no_subject(data: bytes) -> None:
    assert subject_of(data) is None


@given(st.integers(0, len(WHOLE)))
def test_a_cut_certificate_has_no_subject(length: int) -> None:
    assert subject_of(WHOLE[:length]) == (None if length < len(WHOLE) else "Windows UEFI CA 2023")


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=8))
@settings(max_examples=300)
@pytest.mark.slow
def test_damage_is_never_an_exception(damage: list[tuple[int, int]]) -> None:
    data = bytearray(WHOLE)
    for at, value in damage:
        data[at] = value
    assert subject_of(bytes(data)) is None or isinstance(subject_of(bytes(data)), str)


@given(st.binary(max_size=400))
def test_any_bytes_are_answered(data: bytes) -> None:
    assert subject_of(data) is None or data.startswith(b"\x30")
