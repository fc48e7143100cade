"""Help pages in the words of the field: `TRACE...` for an argument, no types of Python's.

typer shows the Python type of what has no metavar of its own (`<bool>`, `<list[str]>`) and sets arguments in braces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from tracetool.cli.interruption import break_waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Command", "Group"]


def _without_types(parameters: Sequence[Any]) -> list[Any]:
    """The parameters, arguments and flags shown by their names alone."""
    for parameter in parameters:
        if isinstance(parameter, TyperArgument) or (isinstance(parameter, TyperOption) and parameter.is_flag):
            parameter.display_type = lambda ctx: ""  # type: ignore[method-assign]  # noqa: ARG005
    return list(parameters)


def _usage(parameter: Any) -> list[str]:  # noqa: ANN401  typer's own types are not public
    """`TRACE...` for an argument that may be repeated, `[RULE]` for one that may be left out."""
    if not isinstance(parameter, TyperArgument):
        return []
    name = parameter.display_name_raw + ("..." if parameter.nargs != 1 else "")
    return [name if parameter.required else f"[{name}]"]


class Command(TyperCommand):
    """A command of the program."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run the command, which Ctrl-C ends wherever it waits."""
        break_waiting()
        return super().invoke(ctx)

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401
        """The command's parameters and `--help`."""
        return _without_types(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401
        """What stands behind the command's name in the line of usage."""
        return [self.options_metavar or "", *(piece for param in self.get_params(ctx) for piece in _usage(param))]


class Group(TyperGroup):
    """The program, which holds the commands."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401
        """The program's own parameters and `--help`."""
        return _without_types(super().get_params(ctx))
