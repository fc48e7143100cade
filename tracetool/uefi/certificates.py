"""Subject of an X.509 certificate, so that the keys of Secure Boot have names.

Nothing is verified, and nothing else is read. Ref: RFC 5280, 4.1 (Certificate) and 4.1.2.4 (Name); ITU-T X.690, 8.1
(the encoding).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["subject_of"]

_SEQUENCE, _SET, _OBJECT, _VERSION = 0x30, 0x31, 0x06, 0xA0
_NAMES = (b"\x55\x04\x03", b"\x55\x04\x0b", b"\x55\x04\x0a")
"""Object identifiers of common name, organizational unit and organization, the one that is shown first."""

_TEXTS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
_LONG = 0x80
_MOST_LENGTH_BYTES = 4
_BEFORE_SUBJECT = 4
"""Fields before the subject, behind the version: serial number, algorithm, issuer, validity."""


class _Element(NamedTuple):
    tag: int
    contents: bytes


def _elements(data: bytes) -> Iterator[_Element]:
    """Iterate over the elements of a constructed encoding; ValueError where they do not fill it."""
    at = 0
    while at < len(data):
        tag, length, start = data[at], int.from_bytes(data[at + 1 : at + 2], "big"), at + 2
        if length >= _LONG:
            count = length - _LONG
            if not 0 < count <= _MOST_LENGTH_BYTES:
                raise ValueError("indefinite length")
            length, start = int.from_bytes(data[start : start + count], "big"), start + count
        at = start + length
        if at > len(data):
            raise ValueError("cut")
        yield _Element(tag, data[start:at])


def _first(data: bytes, tag: int) -> bytes:
    """Contents of the first element; ValueError where it is of another kind."""
    found = next(_elements(data), None)
    if found is None or found.tag != tag:
        raise ValueError("another element")
    return found.contents


def _subject(certificate: bytes) -> bytes:
    fields = _elements(_first(_first(certificate, _SEQUENCE), _SEQUENCE))
    found = [field for field, _ in zip(fields, range(_BEFORE_SUBJECT + 2), strict=False)]
    subject = found[(found[0].tag == _VERSION) + _BEFORE_SUBJECT]
    if subject.tag != _SEQUENCE:
        raise ValueError("another element")
    return subject.contents


def _attributes(name: bytes) -> Iterator[tuple[bytes, str]]:
    """Object identifiers and values of a name."""
    for group in _elements(name):
        for attribute in _elements(group.contents) if group.tag == _SET else ():
            kind, value, *_ = (*_elements(attribute.contents), _Element(0, b""), _Element(0, b""))
            if kind.tag == _OBJECT and value.tag in _TEXTS:
                yield kind.contents, value.contents.decode(_TEXTS[value.tag], "replace")


def subject_of(certificate: bytes) -> str | None:
    """Common name of the subject, else its organizational unit or organization; None for what is no certificate.

    Args:
        certificate: in DER; any bytes, read in time linear to them.
    """
    try:
        names = list(_attributes(_subject(certificate)))
    except (ValueError, IndexError):
        return None
    return next((value for wanted in _NAMES for kind, value in names if kind == wanted and value.strip()), None)
