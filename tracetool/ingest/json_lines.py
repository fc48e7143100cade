"""Log lines that are JSON objects: a text, who wrote it and when, as container engines and journals keep them.

Ref: Docker daemon/logger/jsonfilelog and daemon/logger/copier.go (parts of 16 KiB); systemd.journal-fields(7) and
systemd docs/JOURNAL_EXPORT_FORMATS.md, JSON (a text that is no UTF-8 is an array of its bytes, one that is too long
null); KubeVirt staging/src/kubevirt.io/client-go/log; RFC 7464 and journalctl -o json-seq and json-sse.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from tracetool.ingest.escapes import without_escapes

__all__ = ["DecodedLine", "JsonLogDecoder"]

_TEXTS = ("log", "MESSAGE", "msg", "message", "textPayload", "line")
_TIMES = ("__REALTIME_TIMESTAMP", "time", "timestamp", "@timestamp", "ts", "date")
_PIDS = ("_PID", "SYSLOG_PID", "pid")
_NAMES = ("SYSLOG_IDENTIFIER", "_COMM", "subcomponent")
_OF_A_DAEMON = "CONTAINER_ID"
"""Docker's and Podman's journal entries have the process id of the engine."""
_HOSTS = ("_HOSTNAME", "host", "hostname")
_CONTAINERS = ("CONTAINER_NAME", "CONTAINER_ID", "container_name", "container_id", "pod_name", "pod")
_LABELS = ("kubernetes", "labels", "resource")
"""Objects in an entry that have the name of a container or pod. Ref: Fluent Bit, filter kubernetes; LogEntry of
Google's Cloud Logging; Grafana, logcli --output=jsonl."""

_OPENING = re.compile(r'\{\s*"')
_REACH = 160
"""Characters before the object, at most: other programs put a time or a name there."""

_REST = re.compile(r'",\s*"[\w@.-]+":\s*(?:"[^"]*"|\{[^{}]*\}|[\w.]+)\s*\}[\s\r]*\Z', re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII)
_DIGITS = re.compile(r"\d{1,19}(?:\.\d{1,9})?", re.ASCII)
_NAME = re.compile(r"[^\w./+-]+", re.ASCII)

_NEAR = 2048
"""Characters at the end of a line in which the rest of a cut object is looked for."""

PART = 8 << 10
"""A text without a newline that is shorter, in bytes, is a whole line and no part of one."""

LONGEST = 1 << 20
_MOST_STREAMS = 64
_PID_DIGITS = 9
_NANOSECONDS = 9
_LATEST = 1 << 33
"""Numbers of seconds since the epoch are below it; larger ones count milli-, micro- or nanoseconds."""

_DECODER = json.JSONDecoder()


class DecodedLine(NamedTuple):
    """The lines of text in an object, each prefixed with time and sender; or the reason for which it is damaged."""

    lines: list[str]
    damage: str = ""


@dataclass
class JsonLogDecoder:
    """Decodes JSON lines, and joins texts that were split into parts."""

    met: bool = False
    """A line of the log was such an object."""

    _parts: dict[str, str] = field(default_factory=dict)

    def decode(self, number: int, line: str) -> DecodedLine | None:
        """Decode a line with its number (1-based); None if it is no object of a log.

        Lines are bytes seen as Latin-1, and so are those that are returned.
        """
        start = _OPENING.search(line, 0, _REACH)
        if start is None:
            cut = (self.met or number == 1) and _REST.search(line[-_NEAR:])
            return DecodedLine([], "JSON object without its beginning") if cut else None
        found = _decode(line[start.start() :])
        if found is None:
            return DecodedLine([], "not a whole JSON object") if self.met else None
        text = next((found[key] for key in _TEXTS if isinstance(found.get(key), str | list)), None)
        if text is None:
            left_out = "MESSAGE" in found and found["MESSAGE"] is None
            return DecodedLine([], "its text was left out; journalctl --all shows it") if left_out else None
        self.met = True
        return DecodedLine(self._lines(found, _text(text), line[: start.start()]))

    def rest(self) -> list[str]:
        """Texts whose last part never came."""
        parts, self._parts = list(self._parts.values()), {}
        return parts

    def _lines(self, found: dict[str, Any], text: str, before: str) -> list[str]:
        time = next((time for key in _TIMES if (time := _time(found.get(key)))), "")
        head = f"{_container(found)}{time} {_sender(found)}" if time else before + _container(found) + _sender(found)
        stream = str(found.get("stream"))
        whole = self._parts.pop(stream, "")
        if not whole:
            whole = head
        whole += text
        if _is_part(found, text) and len(whole) < LONGEST and len(self._parts) < _MOST_STREAMS:
            self._parts[stream] = whole
            return []
        first, *others = whole.removesuffix("\n").split("\n")
        return [first, *(head + other for other in others)]


def _is_part(found: dict[str, Any], text: str) -> bool:
    return found.get("logtag") == "P" or (len(text) >= PART and not text.endswith("\n") and "log" in found)


def _decode(text: str) -> dict[str, Any] | None:
    """The object that the text is, with nothing behind it."""
    if not text.isascii():
        text = text.encode("latin-1").decode("utf-8", "replace")
    try:
        found, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and not text[end:].strip() else None


def _text(value: str | list[Any]) -> str:
    """The text, as bytes seen as Latin-1, without escape sequences."""
    if isinstance(value, list):
        if all(isinstance(part, int) and 0 <= part < 256 for part in value):  # noqa: PLR2004
            return without_escapes(bytes(value).decode("latin-1"))
        value = "\n".join(part for part in value if isinstance(part, str))
    return without_escapes(value if value.isascii() else value.encode("utf-8", "replace").decode("latin-1"))


def _sender(found: dict[str, Any]) -> str:
    """`name[pid]: `, as a system log has it; nothing where no process is known."""
    keys = _PIDS[1:] if _OF_A_DAEMON in found else _PIDS
    pid = next((text for key in keys if (text := str(found.get(key))).isdecimal() and text.isascii()), "")
    if not pid or len(pid) > _PID_DIGITS:
        return ""
    tag = f"{_name(found, _NAMES) or 'json'}[{pid}]: "
    host = _name(found, _HOSTS)
    return f"{host} {tag}" if host else tag


def _container(found: dict[str, Any], depth: int = 2) -> str:
    """`name | `, as docker compose has it; nothing where no container is known."""
    name = _name(found, _CONTAINERS)
    if name or not depth:
        return f"{name} | " if name else ""
    inner = (_container(found[key], depth - 1) for key in _LABELS if isinstance(found.get(key), dict))
    return next(filter(None, inner), "")


def _name(found: dict[str, Any], keys: tuple[str, ...]) -> str:
    name = next((name for key in keys if isinstance(name := found.get(key), str)), "")
    return _NAME.sub("-", name)[:64]


def _time(value: object) -> str:
    """A date and time, or a number of seconds or parts of them since the epoch, as a date and time; else nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = str(value)
    if _DATE.fullmatch(text):
        return text
    if not _DIGITS.fullmatch(text):
        return ""
    whole, _, fraction = text.partition(".")
    while int(whole) >= _LATEST:
        whole, fraction = whole[:-3], whole[-3:] + fraction
    date = _date(int(whole))
    return f"{date}.{fraction[:_NANOSECONDS] or '0'}Z" if date else ""


@lru_cache(maxsize=64)
def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
