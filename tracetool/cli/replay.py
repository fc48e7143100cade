"""`tracetool replay`: the flash as the trace left it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import DEVICE_FILE, command
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from replay.backing import Policy
    from tracetool.analysis.session import Replayed

_INCONCLUSIVE = 4


_image = partial(click.option, multiple=True, type=DEVICE_FILE)


@command()
@options.traces
@_image("--write-image", help="The image file as QEMU would have left it.")
@_image("--storage", help="What the guest would have read back.")
@click.option("--at", metavar="SEQ", help="The moment after this event of the last trace, also in hex.")
@options.policy
@options.width
@options.reading_options
@options.device_options
def replay(
    *,
    traces: list[str],
    write_image: tuple[str, ...],
    storage: tuple[str, ...],
    at: str | None,
    policy: Policy | None,
    width: int | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> int:
    """Replay a trace and write the flash's contents, at its end or at one event.

    Without --policy on the device that the trace was recorded on.

    Exit code 4: model and trace disagree, or the trace is incomplete; the files are written all the same.
    """
    from tracetool.analysis.contents import contents_of
    from tracetool.analysis.session import replay_readers
    from tracetool.audit.verdict import doubts
    from tracetool.report.state import print_state

    moment = None if at is None else common.parse_number(at, "--at")
    session = devices.session(policy=policy, at=moment)
    wanted = [(*options.output_file(text, "--write-image"), True) for text in write_image]
    wanted += [(*options.output_file(text, "--storage"), False) for text in storage]
    common.keep_inputs([path for _, path, _ in wanted], [*traces, *session.images.values()])
    with common.opened(traces, reading) as readers:
        replayed = replay_readers(readers, session)
    common.require_events(readers, sum(trace.events for trace in replayed.traces))
    _check_moment(replayed, moment)
    files = [
        (path, contents_of(replayed.chosen(name, "--write-image"), backing=backing)) for name, path, backing in wanted
    ]
    for path, data in files:
        from tracetool.images import write_image as write

        write(path, data)
        common.say(f"wrote {path}")
    print_state(replayed, common.console(width))
    common.warn_of_damage(readers)
    doubtful = any(any(doubts(device, replayed)) for device in replayed.devices.values())
    return _INCONCLUSIVE if doubtful else 0


def _check_moment(replayed: Replayed, at: int | None) -> None:
    last = max((notes.last_seq for device in replayed.devices.values() for notes in device.notes[-1:]), default=-1)
    if at is not None and at > last:
        raise UsageError(f"--at {at}: the last event of the trace is {last}")
