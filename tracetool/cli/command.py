"""Building blocks of the commands: click's command with device options apart, choices, completion."""

from __future__ import annotations

import ctypes
import inspect
import os
import signal
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar

import click
from click.shell_completion import CompletionItem

from tracetool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["DEVICE_FILE", "FILE", "PROGRAM", "Choice", "Command", "DeviceOption", "Text", "command"]

T = TypeVar("T")

_RETURN_MEMORY = {"_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0"}
"""Of polars' jemalloc. The app stays 80 MiB smaller with this and one arena; an audit would take a fifth longer."""

_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""Of numpy's linear algebra, which nothing here uses: others would be started with numpy, and wait busily."""

_M_ARENA_MAX = -8
"""Ref: glibc, malloc.h."""


class DeviceOption(click.Option):
    """An option about the traced devices; the help lists these apart."""


class Command(click.Command):
    """A command of the program.

    Args:
        threads: of polars; None for one a processor.
        resident: it runs for long, mostly idle; memory that it has freed is returned to the system at once.
    """

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401  click's
        threads: int | None = None,
        resident: bool = False,
        **options: Any,  # noqa: ANN401  click's
    ) -> None:
        super().__init__(*arguments, **options)
        self._settings = _ONE_THREAD | ({} if threads is None else {"POLARS_MAX_THREADS": str(threads)})
        self._resident = resident

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  click's
        """Run the command, which Ctrl-C ends wherever it waits."""
        _import_frames(self._settings | (_RETURN_MEMORY if self._resident else {}))
        if self._resident:
            _have_one_arena()
        _break_waiting()
        return super().invoke(ctx)

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002  click would cut the sentence there
        """The first paragraph of the help, for the list of commands."""
        return " ".join(inspect.cleandoc(self.help or "").partition("\n\n")[0].split())

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options in two sections."""
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        for title, about_devices in (("Options", False), ("Device options", True)):
            chosen = [option for option in options if isinstance(option, DeviceOption) is about_devices]
            records = [record for option in chosen if (record := option.get_help_record(ctx))]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


command = partial(click.command, cls=Command)


def _import_frames(settings: dict[str, str]) -> None:
    """Import polars and numpy, which read these settings from the environment; child processes do not inherit them."""
    added = {name: value for name, value in settings.items() if name not in os.environ}
    os.environ.update(added)
    import_module("polars")
    import_module("numpy")
    for name in added:
        del os.environ[name]


def _have_one_arena() -> None:
    """Give glibc one arena in place of one for each thread, which would keep what its largest work took."""
    if sys.platform == "linux":
        allocator = ctypes.CDLL(None)
        if hasattr(allocator, "mallopt"):  # which other C libraries than glibc lack
            allocator.mallopt(_M_ARENA_MAX, 1)


def _break_waiting() -> None:
    """Have SIGINT interrupt blocking system calls (standard input, a pipe, a file that never opens), as Python does.

    polars, which is imported before, has installed its own handler, with SA_RESTART.
    """
    signal.siginterrupt(signal.SIGINT, True)  # noqa: FBT003  the standard library's


class Choice(click.Choice[T], Generic[T]):
    """One of a few values, which are called by their `label` or are words themselves."""

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:  # noqa: ARG002
        """The name of a value."""
        return str(getattr(choice, "label", choice))

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002
        """The values, for the help."""
        return "|".join(self._names)

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:  # noqa: ANN401, ARG002
        """The names to choose from."""
        return f"{value!r}: give one of {', '.join(self._names)}"

    def fail(self, message: str, param: click.Parameter | None = None, ctx: click.Context | None = None) -> NoReturn:  # noqa: ARG002
        """Raise UsageError: the message is remedy enough without a look at the help."""
        raise UsageError(f"{param.opts[-1]} {message}" if param else message)

    @property
    def _names(self) -> list[str]:
        return [self.normalize_choice(choice, None) for choice in self.choices]


class Text(click.ParamType[Any]):
    """Text with a metavar and completion.

    Args:
        metavar: its name in the help.
        completes: `file` or `dir`, which the shell completes, or the usual values, which match in either case.
        convert: makes the argument of the command of the text; UsageError for a wrong one.
    """

    def __init__(
        self,
        metavar: str,
        completes: Literal["file", "dir"] | Callable[[], Iterable[str]],
        convert: Callable[[str], object] = str,
    ) -> None:
        self.name = metavar
        self._completes = completes
        self._convert = convert

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401, ARG002
        """The argument of the command."""
        return self._convert(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """Values that begin as the text does."""
        if isinstance(self._completes, str):
            return [CompletionItem(incomplete, type=self._completes)]
        return [CompletionItem(name) for name in self._completes() if name.casefold().startswith(incomplete.casefold())]


FILE = Text("FILE", "file")
DEVICE_FILE = Text("[DEV=]FILE", "file")
PROGRAM = Text("PATH", "file")
