"""`tracetool diff`: what differs between two runs."""

from __future__ import annotations

import sys
from copy import copy
from functools import partial
from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import FILE, command
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from tracetool.difference import Difference

    Side = tuple[str, options.DeviceOptions]


@command()
@click.argument("a", type=FILE, metavar="A", help="A trace, or a run directory; - for standard input.")
@click.argument("b", type=FILE, metavar="B", help="Another one.")
@click.option("--all", "everything", is_flag=True, help="Every operation in a line of its own.")
@options.report_format(["text", "json", "html"])
@click.option("--view", is_flag=True, help="Show both runs side by side in the terminal.")
@options.output
@options.width
@options.reading_options
@options.device_options
@options.device_options_of("a")
@options.device_options_of("b")
def diff(
    *,
    a: str,
    b: str,
    everything: bool,
    output_format: str,
    view: bool,
    output: str | None,
    width: int | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
    of_a: options.DeviceOptions,
    of_b: options.DeviceOptions,
) -> int:
    """Compare two runs: operations, figures, verdicts, findings, the flash at the end and its UEFI variables.

    Times and numbers of events are left out. Device options are for both traces; --a-image, --b-image and so on are
    for one of them.

    Exit code 0: nothing differs; 1: something does; 4: nothing does, but a trace is incomplete.
    With --view it is 0, whatever differs.
    """
    if output_format == "html" and output is None and sys.stdout.isatty():
        raise UsageError("--format html is a page for a browser: give -o FILE, or redirect it")
    if view and (everything or output_format != "text" or output is not None):
        raise UsageError("--view shows all of it in the terminal: leave out --all, --format and -o")
    if a == b == common.STANDARD_OUTPUT:
        raise UsageError("standard input can be read only once")
    if view:
        return _view((a, options.for_side(devices, of_a)), (b, options.for_side(devices, of_b)), reading)
    found = _compared((a, options.for_side(devices, of_a)), (b, options.for_side(devices, of_b)), reading, output)
    _write(found, output_format, output, width, everything=everything)
    return found.exit_code


def _view(a: Side, b: Side, reading: common.Reading) -> int:
    """Show both runs side by side, and one of them alone where that is asked for, until the app is left."""
    from tracetool.cli.log import say_what_is_logged
    from tracetool.cli.view import free_keyboard, require_terminal, run_app
    from tracetool.library.trace import open as open_traces
    from tracetool.tui.diff_app import DiffApp
    from tracetool.viewmodel.audit_session import Job, Progress
    from tracetool.viewmodel.difference_session import Run, load_difference
    from tracetool.viewmodel.state_file import state_folder

    require_terminal("diff --view")
    say_what_is_logged()
    free_keyboard(needed=common.STANDARD_OUTPUT in (a[0], b[0]))
    progress = Progress()
    how = {**reading._asdict(), "progress": lambda _path: progress.report}
    one, other = (open_traces(path, **machine.given(), **how) for path, machine in (a, b))
    first, second = Run(one.readers, one.options), Run(other.readers, other.options)
    state = state_folder()
    app = DiffApp(partial(load_difference, first, second, progress), progress)
    while True:
        code = app.run_to_end(None if state is None else state / "crashes")
        session, chosen = app.session, app.chosen
        if chosen is None or session is None:
            return code
        alone = partial(getattr, session, "ab"[chosen.side])
        run_app(Job(alone, Progress()).start(), begins_at=chosen.event)
        app = DiffApp(partial(copy, session), Progress(), row=chosen.row)


def _compared(a: Side, b: Side, reading: common.Reading, output: str | None) -> Difference:
    from tracetool.library.diff import diff as compare

    (one, machine), (other, other_machine) = a, b
    with (
        common.opened([one], reading, machine.given(), outputs=[output]) as first,
        common.opened([other], reading, other_machine.given(), bar=False, outputs=[output]) as second,
    ):
        return compare(first, second)


def _write(found: Difference, output_format: str, output: str | None, width: int | None, *, everything: bool) -> None:
    from tracetool.cli.output import open_output
    from tracetool.report.difference import difference_document, print_difference
    from tracetool.report.difference_page import write_page
    from tracetool.report.formats.json import document_text

    if output_format == "text" and output is None:
        print_difference(found, common.console(width), everything=everything)
        return
    if output_format == "json":
        text = document_text(difference_document(found))
    elif output_format == "html":
        text = write_page(found)
    else:
        text = common.printed(lambda console: print_difference(found, console, everything=everything), width)
    with open_output(output) as file:
        file.write(text.encode())
