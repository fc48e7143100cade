"""The recorded logs of the plugin, with the answers that were worked out from them."""

from __future__ import annotations

from tests.captures import capture_path
from tracetool.ingest.source import open_source


def recorded(name: str) -> bytes:
    """A file of the capture, unpacked."""
    source = open_source(str(capture_path(f"aavmf-who/{name}")))
    data = b"".join(iter(lambda: source.read(1 << 24), b""))
    source.close()
    return data
