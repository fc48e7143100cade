"""Image file of a flash: QEMU's block nodes followed down to the file.

Ref: QEMU's QAPI schema, `BlockdevOptions`: a format node (`raw`, `qcow2`) over a node of the protocol `file`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracetool.errors import UsageError
from tracetool.qemu.option_syntax import is_on, parse_json
from tracetool.recording.images import WHOLE, Part
from tracetool.sizes import parse_size

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BlockImage", "image_of_drive", "image_of_node"]

Options = dict[str, str]

_FORMATS = ("raw", "qcow2")
_PROTOCOL = re.compile(r"[A-Za-z0-9+.-]+:")
_MAX_DEPTH = 8
_KNOWN = "the recorder follows raw and qcow2 over file"


@dataclass(frozen=True)
class BlockImage:
    """Image of a flash.

    `format` None: QEMU probes the file. `snapshot`: writes of the guest are discarded; None: as `-snapshot` says, which
    applies to drives only. `part`: range of a raw file.
    """

    path: str
    format: str | None
    read_only: bool
    snapshot: bool | None = None
    part: Part = WHOLE


# --- -drive ------------------------------------------------------------------------------------------------------


def image_of_drive(options: Options) -> BlockImage:
    """Find the image of a `-drive`.

    Raises:
        UsageError: it is not in a local file, or in an unknown form.
    """
    options = _with_json(options)
    form = options.get("format") or options.get("driver")
    read_only = is_on(options, "readonly") or is_on(options, "read-only")
    if form is not None and form not in _FORMATS:
        raise UsageError(f"format {form} is not known; {_KNOWN}")
    snapshot = is_on(options, "snapshot") if "snapshot" in options else None
    return BlockImage(_file_of_drive(options), form, read_only, snapshot, _part(options, "", form))


def _with_json(options: Options) -> Options:
    """Merge the object of `file=json:{...}` into the drive's options."""
    text = options.get("file", "")
    if not text.startswith("json:"):
        return options
    inner = parse_json(text.removeprefix("json:"))
    rest = {key: value for key, value in options.items() if key != "file"}
    form = rest.get("format") or rest.get("driver")
    if form is not None and "driver" in inner and inner["driver"] != form:
        raise UsageError(f"format={form} contradicts the driver {inner['driver']} in file=json:")
    return inner | rest


def _file_of_drive(options: Options) -> str:
    if "file" in options:
        return _plain_path(options["file"])
    driver = options.get("file.driver", "file")
    if driver in _FORMATS:
        raise UsageError(f"file.driver={driver}: a format over a format; {_KNOWN}")
    return _protocol_path(options, "file.", driver)


def _plain_path(text: str) -> str:
    """Parse a file name as QEMU does: a colon before the first slash ends a protocol."""
    protocol = _PROTOCOL.match(text.partition("/")[0])
    if protocol is not None and protocol[0] != "file:":
        raise UsageError(f"{protocol[0]} is a protocol, and the image not a local file; {_KNOWN}")
    path = text.removeprefix("file:")
    if not path:
        raise UsageError("the file has no name; give file=FILE")
    return _refused_descriptor(path)


def _refused_descriptor(path: str) -> str:
    if path.startswith("/dev/fdset/"):
        raise UsageError(f"{path} is a file descriptor inside QEMU; give the file itself")
    return path


# --- -blockdev ---------------------------------------------------------------------------------------------------


def image_of_node(name: str, nodes: Mapping[str, Options]) -> BlockImage:
    """Find the image of the node `name` among the `-blockdev` nodes.

    Raises:
        UsageError: no such node, or it leads to no local file in a known form.
    """
    if name not in nodes:
        raise UsageError(f"no -blockdev and no -drive has the name {name!r}")
    node = nodes[name]
    form, path, part = _descend(node, "", nodes, 0)
    return BlockImage(path, form, is_on(node, "read-only"), snapshot=False, part=part)


def _descend(node: Options, prefix: str, nodes: Mapping[str, Options], depth: int) -> tuple[str, str, Part]:
    """Return format, file and range of a node whose options have this prefix."""
    if depth > _MAX_DEPTH:
        raise UsageError("the nodes are nested too deeply")
    driver = node.get(f"{prefix}driver")
    if driver is None:
        raise UsageError(f"{prefix}driver is not given; {_KNOWN}")
    if driver not in _FORMATS:
        return "raw", _protocol_path(node, prefix, driver), WHOLE
    form, path, below = _below(node, f"{prefix}file", nodes, depth)
    if "raw" not in (driver, form):
        raise UsageError(f"{driver} over {form}; {_KNOWN}")
    part = _part(node, prefix, driver if driver != "raw" else form)
    if WHOLE not in (part, below) or (below != WHOLE and driver != "raw"):
        raise UsageError(f"{prefix}driver={driver}: over a part of a file; {_KNOWN}")
    return (form if driver == "raw" else driver), path, part if below == WHOLE else below


def _below(node: Options, key: str, nodes: Mapping[str, Options], depth: int) -> tuple[str, str, Part]:
    """Descend to the child node under `key`, a reference or inline."""
    if key not in node:
        return _descend(node, f"{key}.", nodes, depth + 1)
    if node[key] not in nodes:
        raise UsageError(f"{key}={node[key]}: no -blockdev has this node-name")
    return _descend(nodes[node[key]], "", nodes, depth + 1)


def _protocol_path(node: Options, prefix: str, driver: str) -> str:
    if driver not in ("file", "host_device"):
        raise UsageError(f"{prefix}driver={driver} is not known; {_KNOWN}")
    path = node.get(f"{prefix}filename")
    if not path:
        raise UsageError(f"{prefix}filename is not given; give the image's file")
    return _refused_descriptor(path)


def _part(node: Options, prefix: str, form: str | None) -> Part:
    """Return the range of the file that a raw node shows; other formats have none."""
    given = {key: node[f"{prefix}{key}"] for key in ("offset", "size") if f"{prefix}{key}" in node}
    if not given or (form != "raw" and set(given.values()) == {"0"}):
        return WHOLE
    if form != "raw":
        raise UsageError(f"{prefix}{next(iter(given))}={next(iter(given.values()))}: is for format=raw; give that")
    size = parse_size(given["size"]) if "size" in given else None
    return Part(parse_size(given.get("offset", "0")), size)
