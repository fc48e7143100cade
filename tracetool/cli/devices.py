"""Groups of options that several commands take: what was traced, and how it is to be read."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter
from typing import TYPE_CHECKING, Any, ParamSpec

from tracetool.cli import common
from tracetool.cli.traces import named_traces

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.session.options import Options

__all__ = ["DeviceOptions", "takes_options"]

P = ParamSpec("P")

_OPTIONS: dict[str, tuple[Any, Any]] = {
    "image": (common.Image, None),
    "extent": (common.Extent, None),
    "board": (common.Board, None),
    "geometry": (common.GeometrySpec, None),
    "read_only": (common.ReadOnly, None),
    "writable": (common.Writable, None),
    "qemu": (common.Qemu, "auto"),
    "device": (common.DeviceName, None),
    "process": (common.ProcessNumbers, None),
    "boot": (common.BootNumber, None),
}
"""Parameter name: its annotation and its default."""


@dataclass(frozen=True)
class DeviceOptions:
    """What the command line says of the devices, as text."""

    image: list[str] | None = None
    extent: list[str] | None = None
    board: str | None = None
    geometry: list[str] | None = None
    read_only: list[str] | None = None
    writable: list[str] | None = None
    qemu: str = "auto"
    device: str | None = None
    process: list[int] | None = None
    boot: str | None = None

    def described(self) -> list[str]:
        """The options given, by name, but for `--device`, `--process` and `--boot`, which only select."""
        given = {"image", "extent", "board", "geometry", "read_only", "writable"}
        names = [name for name in _OPTIONS if name in given and getattr(self, name)]
        return [f"--{name.replace('_', '-')}" for name in names] + ["--qemu"] * (self.qemu != "auto")

    def session(self, *, policy: str | None = None, at: int | None = None, keep_operations: bool = False) -> Options:
        """The session's options; UsageError where the text is wrong."""
        return common.make_options(
            image=self.image,
            extent=self.extent,
            board=self.board,
            geometry=self.geometry,
            read_only=self.read_only,
            writable=self.writable,
            qemu=self.qemu,
            device=self.device,
            process=self.process,
            boot=self.boot,
            policy=policy,
            at=at,
            keep_operations=keep_operations,
        )


_READING: dict[str, tuple[Any, Any]] = {
    "strict": (common.Strict, False),
    "input_format": (common.InputFormat, None),
    "quiet": (common.Quiet, False),
}

_GROUPS: dict[str, tuple[Callable[..., Any], dict[str, tuple[Any, Any]]]] = {
    "reading": (common.Reading, _READING),
    "devices": (DeviceOptions, _OPTIONS),
}
"""The parameters of a command that stand for a group: what is made of its options, and those."""


def takes_options(command: Callable[P, None]) -> Callable[..., None]:
    """Replace a command's parameters `reading` and `devices` by one option each, which typer sees in its signature.

    Its `traces` are those that `named_traces` gives for the arguments.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.name not in _GROUPS]
    groups = {name: group for name, group in _GROUPS.items() if name in signature.parameters}
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for _, members in groups.values()
        for name, (annotation, default) in members.items()
    ]

    @wraps(command)
    def run(*arguments: Any, **given: Any) -> None:  # noqa: ANN401  whatever the command takes
        for group, (make, members) in groups.items():
            given[group] = make(**{name: given.pop(name) for name in members})
        if "traces" in given:
            given["traces"] = named_traces(given["traces"])
        command(*arguments, **given)

    run.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *options)}
    return run
