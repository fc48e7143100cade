"""`tracetool replay`: the flash as the trace left it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import DEVICE_FILE, command

if TYPE_CHECKING:
    from replay.backing import Policy

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
    from tracetool.audit.verdict import doubts
    from tracetool.images import write_image as write
    from tracetool.library.inputs import warn_of_damage
    from tracetool.report.state import print_state

    files = [(*options.output_file(text, "--write-image"), "image") for text in write_image]
    files += [(*options.output_file(text, "--storage"), "storage") for text in storage]
    with common.opened(traces, reading, devices.given(), outputs=[path for _, path, _ in files]) as trace:
        replayed = trace.replay(at=at, policy=policy)
    contents = [(path, getattr(trace, what)(name, at=at, policy=policy)) for name, path, what in files]
    for path, data in contents:
        write(path, data)
        common.say(f"wrote {path}")
    print_state(replayed, common.console(width))
    warn_of_damage(trace.readers)
    doubtful = any(any(doubts(device, replayed)) for device in replayed.devices.values())
    return _INCONCLUSIVE if doubtful else 0
