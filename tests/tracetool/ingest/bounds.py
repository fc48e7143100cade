"""Run the scanner with bounds checked, on logs that end where the buffer does: `NUMBA_BOUNDSCHECK=1 python -m ...`."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit, types

from replay.compiling import dispatcher_of
from tests.tracetool.ingest.support import log_of
from tests.tracetool.ingest.test_text import SHAPES
from tracetool.events import CATALOGUE
from tracetool.ingest import text_kernel, text_room, word_kernel
from tracetool.ingest.text_room import TextScanner, prepare_scan
from tracetool.ingest.word_kernel import REACH

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 3000
ALPHABET = b"0189afgF:@.-[] \r\n\x00\x7f\xff"


def on_arrays(function: Any) -> Callable[..., int]:  # noqa: ANN401  a function, of whatever arguments
    """A function of the kernel, compiled for arrays and to be called from Python."""
    preparation = prepare_scan(types.Array(types.int64, 1, "C"), types.Array(types.uint8, 1, "C"))
    plain = dispatcher_of([word_kernel, text_kernel], function, preparation).py_func
    compiled: Callable[..., int] = njit(error_model="numpy")(plain)
    return compiled


class CheckedScanner(TextScanner):
    """Runs the kernel on arrays, whose bounds are checked."""

    def __init__(self, kernel: Callable[..., int]) -> None:
        super().__init__()
        self._kernel = kernel

    def _run(self, data: bytearray, end: int) -> int:
        return self._kernel(np.frombuffer(data, np.uint8), end, self._tables, self._room)


def _mangled(random: Random, lines: list[bytes]) -> bytes:
    data = bytearray(b"\n".join(random.choices(lines, k=random.randint(1, 6))))
    for _ in range(random.randint(0, 4)):
        at = random.randrange(len(data) + 1)
        match random.randrange(3):
            case 0:
                data[at : at + random.randrange(20)] = bytes(random.choices(ALPHABET, k=random.randrange(4)))
            case 1:
                del data[at:]
            case _:
                del data[:at]
    return bytes(data) + b"\n"


def main() -> None:
    """Read many small logs, with little room for anything."""
    assert os.environ["NUMBA_BOUNDSCHECK"] == "1"
    text_room.ROWS, text_room.SPANS, text_room.STRINGS, text_room.POOL = 2, 2, 8, 64
    scanner: Any = CheckedScanner(on_arrays(text_kernel.scan))
    random = Random(1)  # noqa: S311
    lines = [f"{SHAPES[shape][0]}{log_of(v)}".encode() for shape in SHAPES for v in CATALOGUE]
    for _ in range(ROUNDS):
        data = _mangled(random, lines)
        assert scanner.scan(bytearray(data + bytes(REACH)), 0, len(data), 1).lines == data.count(b"\n")
        if random.random() < 0.1:
            scanner.take()
    try:
        scanner._kernel(np.zeros(1, np.uint8), 1, scanner._tables, scanner._room._replace(carry=np.zeros(1, np.int64)))  # noqa: SLF001
    except IndexError:
        print("checked")  # noqa: T201


if __name__ == "__main__":
    main()
