"""Completion for the user's shell: `--show-completion` and `--install-completion`."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from tracetool.cli.command import Choice
from tracetool.cli.common import say

__all__ = ["VARIABLE", "install_completion", "show_completion"]

VARIABLE = "_TRACETOOL_COMPLETE"
"""Environment variable by which a completion script asks the program."""

_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
_SCRIPTS = {
    "bash": ".bash_completions/tracetool.sh",
    "zsh": ".zfunc/_tracetool",
    "fish": ".config/fish/completions/tracetool.fish",
}
_LOADING = {
    "bash": (".bashrc", "source ~/.bash_completions/tracetool.sh"),
    "zsh": (".zshrc", "fpath+=~/.zfunc; autoload -Uz compinit; compinit"),
}
"""A file that the shell reads, and the line in it that loads the script; fish looks into its folder by itself."""


def _show(context: click.Context, _parameter: click.Parameter, shell: str | None) -> None:
    if shell is not None and not context.resilient_parsing:
        click.echo(_script(context.command, shell), nl=False)
        context.exit()


def _install(context: click.Context, _parameter: click.Parameter, shell: str | None) -> None:
    if shell is None or context.resilient_parsing:
        return
    path = Path.home() / _SCRIPTS[shell]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_script(context.command, shell))
    if shell in _LOADING:
        name, line = _LOADING[shell]
        settings = Path.home() / name
        text = settings.read_text() if settings.exists() else ""
        if line not in text.splitlines():
            settings.write_text("\n".join([*text.splitlines(), line, ""]))
    say(f"wrote {path}; completion works in the next {shell} that you start")
    context.exit()


def _script(program: click.Command, shell: str) -> str:
    return _SHELLS[shell](program, {}, "tracetool", VARIABLE).source()


_option = partial(
    click.option,
    type=Choice(_SHELLS),
    is_flag=False,
    flag_value=Path(os.environ.get("SHELL", "")).name,
    metavar="[bash|zsh|fish]",
    is_eager=True,
    expose_value=False,
)
install_completion = _option(
    "--install-completion", callback=_install, help="Install completion for the shell, else for that of SHELL."
)
show_completion = _option("--show-completion", callback=_show, help="Show the script that does so.")
