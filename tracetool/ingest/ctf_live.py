"""A CTF trace that an LTTng relay daemon sends while it is recorded: `net://HOST[:PORT]/host/TARGET/SESSION`.

Ref: babeltrace2-source.ctf.lttng-live(7), "Input"; lttng-relayd(8), port 5344.
"""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

from tracetool.errors import InputError
from tracetool.ingest.babeltrace_process import BabeltraceProcess
from tracetool.ingest.ctf_columns import layouts
from tracetool.ingest.ctf_reading import CtfReading
from tracetool.ingest.reader import Reader, ReadOptions
from tracetool.ingest.trace_reader import TraceMeta

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from tracetool.ingest.following import Following

__all__ = ["LiveTrace", "open_live"]

_URL = re.compile(r"net[46]?://[^/]+/host/[^/]+/[^/]+")
_ROWS = 1 << 12


def open_live(url: str, following: Following, *, strict: bool = False) -> LiveTrace:
    """Open the session that a relay daemon serves at an address.

    Raises:
        InputError: it is no address of a session.
    """
    if not _URL.fullmatch(url):
        raise InputError(f"{url}: names no session; give net://HOST/host/TARGET/SESSION, as lttng list shows them")
    following.changed = True  # to open it again is not to read the same
    meta = TraceMeta(url, url, format="ctf", reason="a session of an LTTng relay daemon")
    return LiveTrace(meta, following, ReadOptions(strict))


class LiveTrace(Reader):
    """Events of a session as the daemon sends them, until `following` is stopped or the session is destroyed."""

    def __init__(self, meta: TraceMeta, following: Following, options: ReadOptions) -> None:
        super().__init__(meta, options)
        self.rereadable = self._begun = False
        self._following = following

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from where the daemon begins; see `TraceReader.chunks`.

        Raises:
            InputError: there is no such daemon or session, or it was read already.
            MissingDependencyError: there is no libbabeltrace2.
        """
        if self._begun:
            raise InputError(f"{self.meta.name}: can be read only once; record it to files for another look")
        self._begun = True
        self.begin()
        reading = CtfReading(self, trace, 0)
        request = {"live": self.meta.path, "prefix": "pflash_", "layouts": layouts()}
        with closing(BabeltraceProcess(self.meta.name, _ROWS, request)) as process:
            for message in process.listen(self._following):
                frame = reading.take(message, process)
                if frame is not None and frame.height:
                    yield frame
        reading.finish()
