"""`tracetool powercut`: what the firmware makes of a flash after a power cut."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tracetool.cli import common, options
from tracetool.cli.command import FILE, Text, command
from tracetool.errors import InputError, UsageError
from tracetool.paths import user_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from tracetool.analysis.cut_survey import CutSurvey, CutTrial
    from tracetool.analysis.device import Device
    from tracetool.analysis.power_cuts import StoreCommits
    from tracetool.analysis.session import Replayed
    from tracetool.uefi.boot import Firmware

_MOST_IMAGE = 1 << 30
_INCONCLUSIVE = 4
_COSTS = 1


def _names() -> Iterable[str]:
    from tracetool.uefi.boot import FIRMWARES

    return FIRMWARES


class _Cuts(NamedTuple):
    """Which cuts are made, and what is done with them: one cut with `at`, else all."""

    at: str | None
    shape: str | None
    whole: bool
    depth: int
    shard: tuple[int, int]
    on_firmware: str | None
    seconds: float
    jobs: int
    write_image: str | None

    def check(self, traces: Sequence[str]) -> None:
        """UsageError for options that contradict each other."""
        if self.at is None and (self.shape is not None or self.write_image is not None):
            raise UsageError("--shape and --write-image are about one cut: give --at")
        of_all = self.on_firmware is not None or self.depth > 1
        if self.at is not None and of_all:
            raise UsageError("--on-firmware and --depth are about all cuts; leave out --at")
        if not traces and (of_all or self.at is not None or self.whole or self.shard != (1, 1)):
            raise UsageError("cuts are made in a trace: give TRACE, or an --image alone")
        if self.at is not None:
            from tracetool.analysis.cut_costs import parse_case
            from tracetool.library.keywords import parse_event

            if parse_case(self.at) is None:
                parse_event(self.at, len(traces), "--at")


_cut_options = options.group(
    "cuts",
    _Cuts,
    (
        click.option(
            "--at",
            metavar="CASE",
            help="Only the cut after this event, as 404, or 1:404 in the second trace, or a case by name.",
        ),
        click.option(
            "--shape", metavar="SHAPE", help="With --at: how far its commit got, as none, words:8 or zero-all."
        ),
        click.option("--whole", is_flag=True, help="Cut between commits only, as QEMU's own flash can be."),
        click.option(
            "--depth",
            type=click.IntRange(1, 2),
            default=1,
            metavar="N",
            help="2: cut again, while the firmware repairs what the worst cut of each cause left.",
        ),
        options.shard("commits"),
        click.option(
            "--on-firmware",
            type=Text("DIR", "dir"),
            help="Boot the worst cut of each cause on the installed firmware; DIR keeps the runs.",
        ),
        click.option(
            "--seconds",
            type=click.FloatRange(min=1),
            default=60,
            metavar="SECONDS",
            help="With --on-firmware: a boot that takes longer hangs.",
        ),
        click.option(
            "--jobs", type=click.IntRange(min=1), default=2, metavar="N", help="With --on-firmware: boots at a time."
        ),
        click.option("--write-image", type=FILE, help="With --at: the variables' volume as that cut leaves it."),
    ),
)


@command()
@click.argument(
    "traces",
    nargs=-1,
    type=FILE,
    metavar="[TRACE...]",
    help="A trace, of which every commit is cut; without one --image is the flash after a cut.",
)
@click.option(
    "--firmware",
    type=Text("NAME", _names),
    help="aavmf, ovmf or ovmf-smm, and its edk2 release: aavmf-2025.02. Without it, what image or trace tell of it.",
)
@_cut_options
@options.report_format(["text", "json"])
@options.output
@options.width
@options.reading_options
@options.device_options
def powercut(
    *,
    traces: list[str],
    firmware: str | None,
    cuts: _Cuts,
    output_format: str,
    output: str | None,
    width: int | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> int:
    """Say what a power cut costs: does the firmware start with such a flash, and with which variables?

    With a TRACE for every commit of the guest to its UEFI variables, between
    commits and inside them, by cause; with --at for one. Without a TRACE for
    the flash in --image, whichever way it came about.

    From a model of edk2's drivers that was held against boots of Debian 12's
    and 13's AAVMF and OVMF; ovmf-smm is the build with SMM. Where the firmware
    is not known, an image is booted with each; a trace with the one that wrote
    it, and without SMM.

    Exit code 0: no variable is lost; 1: some are, or it does not start; 4: the trace is incomplete.
    """
    cuts.check(traces)
    if firmware is not None:
        _named(firmware)
    to = _Output(output_format, output, width)
    if not traces:
        return _of_image(devices, firmware, to)
    files = [output] if cuts.write_image is None else [output, cuts.write_image]
    with common.opened(traces, reading, devices.given(), outputs=files) as trace:
        replayed = trace.replay(keep_operations=True, variables=True)
        trace.warn_of_doubts(replayed)
    commits, chosen = _commits(replayed, firmware)
    if cuts.at is None:
        costly = _all(replayed.devices[commits.device], commits, chosen, cuts, to)
    else:
        event, shape = _event(cuts.at, cuts.shape, commits, len(traces))
        costly = _one(commits, chosen, event, shape, cuts.write_image, to)
    return _COSTS if costly else _INCONCLUSIVE if _is_doubtful(replayed, commits) else 0


class _Output(NamedTuple):
    """How and where the answer is written."""

    form: str
    file: str | None
    width: int | None

    def write(self, document: Callable[[], dict[str, Any]], show: Callable[[Console], None]) -> None:
        """Write a document as JSON, or a report."""
        from tracetool.cli.output import open_output
        from tracetool.report.formats.json import document_text

        if self.form != "json" and self.file is None:
            show(common.console(self.width))
            return
        text = document_text(document()) if self.form == "json" else common.printed(show, self.width)
        with open_output(self.file) as file:
            file.write(text.encode())


# --- an image ----------------------------------------------------------------------------------------------------


def _of_image(devices: options.DeviceOptions, name: str | None, to: _Output) -> int:
    from tracetool.images import load_image
    from tracetool.ingest.inputs import keep_inputs
    from tracetool.report.next_boot import print_prospects, prospect_document
    from tracetool.uefi.boot.prospect import prospect

    images = options.by_device("--image", devices.image)
    others = [option for option in devices.described() if option != "--image"]
    if len(images) != 1 or others:
        raise UsageError(f"{', '.join(others) or '--image'}: give a TRACE, or the --image of one flash alone")
    path = user_path(*images.values())
    keep_inputs([to.file], [path])
    contents = load_image(path, limit=_MOST_IMAGE)
    firmwares = _firmwares(contents, name, path)
    if to.form == "json" and len(firmwares) > 1:
        names = " or ".join(found.name for found in firmwares)
        raise UsageError(f"--format json is about one firmware, and {path} may be of several: give --firmware {names}")
    found = [prospect(contents.data, each) for each in firmwares]
    to.write(lambda: prospect_document(found[0]), lambda console: print_prospects(found, console))
    return 0 if all(each.is_safe for each in found) else _COSTS


def _named(name: str) -> Firmware:
    from tracetool.uefi.boot import FIRMWARES

    if name.casefold() not in FIRMWARES:
        raise UsageError(f"--firmware {name!r}: give one of {', '.join(FIRMWARES)}")
    return FIRMWARES[name.casefold()]


def _firmwares(contents: NDArray[np.uint8], name: str | None, path: Path) -> list[Firmware]:
    """The firmware of that name, or those whose layout the image has."""
    from tracetool.uefi.boot import likely_firmwares

    found = likely_firmwares(contents) if name is None else [_named(name)]
    if not found:
        raise UsageError(f"{path} has the layout of no known firmware: give --firmware {' or '.join(_names())}")
    if len(contents) < found[0].volume_bytes:
        need = found[0].volume_bytes
        raise InputError(
            f"{path}: the image is {len(contents):,} bytes long, and the volume of {found[0].name} {need:,}"
        )
    return found


# --- a trace -----------------------------------------------------------------------------------------------------


def _commits(replayed: Replayed, name: str | None) -> tuple[StoreCommits, Firmware]:
    """The commits to the variable store, and the firmware that boots what is left of it."""
    from tracetool.analysis.cut_costs import likely_firmware
    from tracetool.analysis.power_cuts import store_commits
    from tracetool.uefi.boot import FIRMWARES

    commits = store_commits(replayed)
    unknown = commits.unknown_before + commits.unknown_after
    if unknown:
        common.say(f"{unknown:,} commits were left out, during which the store was not known; --image gives it")
    found = likely_firmware(commits) if name is None else _named(name)
    if found is None:
        raise UsageError(f"the store has the layout of no known firmware: give --firmware {' or '.join(_names())}")
    if name is None:
        others = " or ".join(other.name for other in FIRMWARES.values() if other.smm and other.has_layout_of(found))
        smm = f", which is without SMM; if the guest has SMM, give --firmware {others}" if others else ""
        common.say(f"the store was written by a firmware like {found.name}{smm or '; --firmware chooses another'}")
    return commits, found


def _is_doubtful(replayed: Replayed, commits: StoreCommits) -> bool:
    """True where the trace is incomplete."""
    from tracetool.audit.verdict import doubts

    return bool(commits.unknown_after) or any(doubts(replayed.devices[commits.device], replayed))


def _all(device: Device, commits: StoreCommits, firmware: Firmware, cuts: _Cuts, to: _Output) -> bool:
    """Write what every cut costs; True where one costs a variable, or is otherwise on real firmware."""
    from tracetool.analysis.cut_survey import survey_cuts
    from tracetool.analysis.second_cuts import survey_second_cuts
    from tracetool.report.power_cuts import print_survey, survey_document

    if cuts.on_firmware is not None and firmware.smm:
        raise UsageError(f"--on-firmware boots no firmware with SMM, as {firmware.name} is")
    torn = not cuts.whole
    with common.progress("cutting") as progress:
        found = survey_cuts(device, commits, firmware, torn=torn, shard=cuts.shard, progress=progress)
    if cuts.depth > 1:
        found = replace(found, second=tuple(survey_second_cuts(found, commits, torn=torn)))
    if cuts.on_firmware is not None:
        found = replace(found, trials=tuple(_booted(found, commits, user_path(cuts.on_firmware), cuts)))
    to.write(lambda: survey_document(found), lambda console: print_survey(found, console))
    return found.costly or any(trial.differences for trial in found.trials)


def _booted(survey: CutSurvey, commits: StoreCommits, folder: Path, cuts: _Cuts) -> list[CutTrial]:
    """Boot the worst cut of each cause on the installed firmware."""
    from tracetool.recording.cut_trials import boot_cuts
    from tracetool.recording.firmware import firmware_by_name

    firmware = firmware_by_name(survey.firmware.name.partition("-")[0])
    common.say(f"booting {firmware.code}")
    with common.progress("booting") as progress:
        return boot_cuts(survey, commits, firmware, folder, seconds=cuts.seconds, at_once=cuts.jobs, progress=progress)


def _event(at: str, shape: str | None, commits: StoreCommits, traces: int) -> tuple[tuple[int, int], str]:
    """Trace, event and shape of the cut that --at and --shape name."""
    from replay.powercut import AFTER
    from tracetool.analysis.cut_costs import parse_case
    from tracetool.library.keywords import parse_event

    case = parse_case(at)
    if case is None:
        event = parse_event(at, traces, "--at")
        before = [found for commit in commits if (found := (commit.trace, commit.seq)) <= event]
        if not before or (shape is not None and before[-1] != event):
            near = f"the last one before it is {before[-1][1]}" if before else "nor does any event before it"
            raise UsageError(f"--at {at}: this event commits nothing to the store, {near}")
        return before[-1], shape or AFTER
    digest, event, named = case
    if digest != commits.digest:
        raise UsageError(f"--at {at}: a case of other commits; those of this trace are {commits.digest}")
    return event, shape or named


def _one(
    commits: StoreCommits,
    firmware: Firmware,
    event: tuple[int, int],
    shape: str,
    write_image: str | None,
    to: _Output,
) -> bool:
    """Write what one cut costs, and the volume that it leaves; True where it costs a variable."""
    import numpy as np

    from tracetool.analysis.cut_costs import cut_at
    from tracetool.analysis.tolls import Toll
    from tracetool.images import write_image as write
    from tracetool.report.layout import print_words
    from tracetool.report.next_boot import print_prospects, prospect_document
    from tracetool.report.power_cuts import cut_document, cut_words
    from tracetool.uefi.boot.prospect import prospect

    try:
        contents, cut = cut_at(commits, firmware, event, shape)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if write_image is not None:
        path = user_path(write_image)
        write(path, np.frombuffer(contents, np.uint8))
        common.say(f"wrote {path}")
    found = prospect(contents, firmware)

    def show(console: Console) -> None:
        print_words(console, cut_words(cut, commits.digest), hang=2)
        print_prospects([found], console)

    to.write(lambda: cut_document(cut, commits.digest) | prospect_document(found), show)
    return cut.cost.toll not in (None, Toll.RECOVERED)
