"""Which file holds a flash's contents: QEMU's block nodes followed down to it, or refused with the reason.

Ref: QEMU's QAPI schema, `BlockdevOptions`: a format node (`raw`, `qcow2`) over a node of the protocol `file`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracetool.errors import UsageError
from tracetool.recording.images import WHOLE, Part
from tracetool.recording.syntax import is_on, parse_json
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
    """A flash's image. `format` None: QEMU finds it out by what is in the file.

    `snapshot`: whether what the guest writes is thrown away; None: as `-snapshot` has it, which is for drives alone.
    `part`: where in a raw file the flash lies.
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
        UsageError: it is in no file of this machine, or described in a way that is not known.
    """
    options = _with_json(options)
    form = options.get("format") or options.get("driver")
    read_only = is_on(options, "readonly") or is_on(options, "read-only")
    if form is not None and form not in _FORMATS:
        raise UsageError(f"format {form} is not known; {_KNOWN}")
    snapshot = is_on(options, "snapshot") if "snapshot" in options else None
    return BlockImage(_file_of_drive(options), form, read_only, snapshot, _part(options, "", form))


def _with_json(options: Options) -> Options:
    """Take `file=json:{...}` apart: the object stands for the drive's own options."""
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
    """A file name as QEMU reads it: one with a colon before the first slash names a protocol."""
    protocol = _PROTOCOL.match(text.partition("/")[0])
    if protocol is not None and protocol[0] != "file:":
        raise UsageError(f"{protocol[0]} is a protocol, and the image no file of this machine; {_KNOWN}")
    path = text.removeprefix("file:")
    if not path:
        raise UsageError("the file has no name; give file=FILE")
    return _refused_descriptor(path)


def _refused_descriptor(path: str) -> str:
    if path.startswith("/dev/fdset/"):
        raise UsageError(f"{path} is a descriptor of QEMU's alone; give the file itself")
    return path


# --- -blockdev ---------------------------------------------------------------------------------------------------


def image_of_node(name: str, nodes: Mapping[str, Options]) -> BlockImage:
    """Find the image of the node `name` among the `-blockdev` nodes.

    Raises:
        UsageError: there is no such node, or it leads to no file in a way that is known.
    """
    if name not in nodes:
        raise UsageError(f"no -blockdev and no -drive has the name {name!r}")
    node = nodes[name]
    form, path, part = _descend(node, "", nodes, 0)
    return BlockImage(path, form, is_on(node, "read-only"), snapshot=False, part=part)


def _descend(node: Options, prefix: str, nodes: Mapping[str, Options], depth: int) -> tuple[str, str, Part]:
    """Give the format and the file below a node whose options begin with `prefix`, and the part of it."""
    if depth > _MAX_DEPTH:
        raise UsageError("the nodes lie one over the other without end")
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
    """Go on with the node that `key` names, or that is written out under it."""
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
    """The part of its file that a raw node shows; a part of anything else is refused."""
    given = {key: node[f"{prefix}{key}"] for key in ("offset", "size") if f"{prefix}{key}" in node}
    if not given or (form != "raw" and set(given.values()) == {"0"}):
        return WHOLE
    if form != "raw":
        raise UsageError(f"{prefix}{next(iter(given))}={next(iter(given.values()))}: is for format=raw; give that")
    size = parse_size(given["size"]) if "size" in given else None
    return Part(parse_size(given.get("offset", "0")), size)
