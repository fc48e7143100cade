"""The edk2 release that a firmware image names."""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["named_version"]

# Ref: edk2's BaseTools, GenFw: the debug entry of an executable has the path of its symbols. Distributions build in a
# directory that is named after the release, as Debian's edk2-2022.11.
_BUILT_IN = re.compile(rb"/edk2-(?:stable)?([0-9][0-9A-Za-z.+~-]{0,40})/")


def named_version(image: bytes) -> str | None:
    """The release in the paths that the image's executables were built in, as `2022.11`; None where none names one.

    Only what is not compressed is looked at: the first phases of AAVMF are not, those of OVMF are.
    """
    found = Counter(match[1] for match in _BUILT_IN.finditer(image))
    return found.most_common(1)[0][0].decode() if found else None
