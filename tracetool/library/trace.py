"""Traces, open: their events, what the replay makes of them, and the audit."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tracetool.analysis.boots import LAST, Chosen, parse_boot
from tracetool.analysis.naming import events_of
from tracetool.analysis.options import ANY_DEVICE, VALUES, Options, parse_behaviour, parse_board
from tracetool.analysis.session import replay_readers
from tracetool.errors import InputError, UsageError
from tracetool.events import EVENTS_SCHEMA
from tracetool.findings import WEAR_LIMIT
from tracetool.findings.marked import with_findings
from tracetool.findings.registry import DEFAULTS, RuleOptions
from tracetool.ingest.foreign import require_events
from tracetool.library.inputs import LOGGER, named_traces, open_readers, warn_of_damage
from tracetool.library.keywords import (
    ALL_POLICIES,
    by_device,
    parse_event,
    parse_extent,
    parse_number,
    parse_policy,
    parse_rule,
    parse_where,
    rule_needs,
)
from tracetool.paths import is_live, user_path
from tracetool.sizes import format_offset
from tracetool.timeline.touched import FOUND, with_operations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from replay.backing import Policy
    from tracetool.analysis.blame import Blame
    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed
    from tracetool.audit import Audit
    from tracetool.audit.wear import WearForecast
    from tracetool.explain import Explanation
    from tracetool.ingest import TraceReader
    from tracetool.ingest.following import Following
    from tracetool.library.inputs import Progress
    from tracetool.library.keywords import ByDevice
    from tracetool.library.parts import Part
    from tracetool.uefi.varstore import VariableStore
    from tracetool.verify import Verification

__all__ = ["Trace", "open"]

_KEPT_RESULTS = 4


def open(  # noqa: A001  as `gzip.open`: always called by its module's name
    *traces: str | os.PathLike[str],
    image: ByDevice[str | Path] = None,
    extent: ByDevice[str | int] = None,
    board: str | None = None,
    geometry: ByDevice[str] = None,
    read_only: str | Iterable[str] = (),
    writable: str | Iterable[str] = (),
    qemu: str = "auto",
    device: str | None = None,
    process: int | Iterable[int] = (),
    boot: int | str | None = None,
    who_log: str | Path | None = None,
    code: str | Path | None = None,
    symbols: str | Path | None = None,
    input_format: str | None = None,
    strict: bool = False,
    progress: Callable[[str], Progress] | None = None,
    following: Following | None = None,
) -> Trace:
    """Open traces of one machine: several are consecutive boots of it, in order.

    What is given by device is a dictionary by the device's name, or one value for the device that is written.

    Args:
        traces: a log, QEMU's simple format, CTF or Parquet, also packed; a run directory, or a directory of them; `-`
            for standard input.
        image: the flash's contents before the first trace, by device: a file.
        extent: how much of the flash the firmware calls its own, by device: bytes, or a size such as `768K`.
        board: the QEMU board, such as `virt-arm`.
        geometry: what the board does not say, or says wrongly, by device, such as `size=64M,block=256K,bank=4`.
        read_only: names of devices that are read-only.
        writable: names of devices that are writable, where the trace does not tell.
        qemu: when buffered writes are stored: a release such as `9.0.2`, `direct`, `staged-at-count`,
            `staged-at-data`, or `auto`, which finds it in the trace.
        device: look at this device alone.
        process: look at this QEMU's events alone, or at those of several, by process id.
        boot: look at this boot alone, from 0, or at those of QEMU's `last` start.
        who_log: the log of the guest's code, where the trace is not the run directory that has it; see docs/who.md.
        code: the image of the code flash, which names modules; likewise.
        symbols: a directory with the ELF files of the firmware's build, which tell functions and lines of the code.
        input_format: what the traces are, where that is not recognised: a name that `--input-format` takes.
        strict: raise at the first line or record that is not understood, instead of a warning at the end.
        progress: returns for each path a function that is called with the bytes read and the size of the file.
        following: the one trace is read on while it grows, until this (`tracetool.ingest.following`) is stopped, and
            only once; it may be the address of a session of an LTTng relay daemon, `net://HOST/host/TARGET/SESSION`.

    Raises:
        InputError: a trace cannot be read.
        UsageError: an option has a value that is none, or they contradict each other.
    """
    images: dict[str, str | Path] = by_device(image)
    extents: dict[str, str | int] = by_device(extent)
    options = Options(
        images={name: user_path(path) for name, path in images.items()},
        extents={name: parse_extent(size) for name, size in extents.items()},
        board=None if board is None else parse_board(board),
        geometries=by_device(geometry),
        read_only=frozenset([read_only] if isinstance(read_only, str) else read_only),
        writable=frozenset([writable] if isinstance(writable, str) else writable),
        behaviour=parse_behaviour(qemu),
        device=device,
        processes=frozenset([process] if isinstance(process, int) else process),
        boot=parse_boot(None if boot is None else str(boot)),
        who_log=None if who_log is None else user_path(who_log),
        code=None if code is None else user_path(code),
        symbols=None if symbols is None else user_path(symbols),
    )
    if not traces:
        raise UsageError("no trace is named")
    if following is not None:
        return _followed([os.fspath(trace) for trace in traces], options, following, input_format, strict=strict)
    paths = named_traces([os.fspath(trace) for trace in traces])
    for path in paths:
        if is_live(path):
            raise UsageError(f"{path}: a session that is being recorded is read with --follow")
    return Trace(paths, open_readers(paths, input_format=input_format, strict=strict, progress=progress), options)


def _followed(
    paths: Sequence[str], options: Options, following: Following, input_format: str | None, *, strict: bool
) -> Trace:
    from tracetool.ingest.following import open_followed
    from tracetool.library.inputs import STANDARD_INPUT

    if len(paths) > 1:
        raise UsageError("--follow reads one trace on; name one")
    for option, field in VALUES.items():
        if ANY_DEVICE in getattr(options, field):
            raise UsageError(f"{option}: name the device, as in {option} virt.flash1=...: not all is known yet")
    if options.boot == LAST:
        raise UsageError("--boot last: a trace that is followed has no last boot yet; give a number")
    path = paths[0] if paths[0] == STANDARD_INPUT or is_live(paths[0]) else str(user_path(paths[0]))
    return Trace(paths, [open_followed(path, following, input_format=input_format, strict=strict)], options)


class Trace:
    """Traces of one machine, as `open` returns them. They are read on demand.

    Frames have documented schemas. Results of a replay are kept for the next question; events are read anew each time.
    What could not be read is logged as a warning by the logger `tracetool`.
    """

    def __init__(self, paths: Sequence[str], readers: Sequence[TraceReader], options: Options) -> None:
        self.paths = paths
        self.readers = readers
        self.options = options
        self._results: dict[tuple[object, ...], tuple[Replayed, Any]] = {}
        self._blames: dict[str, tuple[Device, Blame]] = {}
        self._moment_asked = False

    def __repr__(self) -> str:
        traces = ", ".join(f"{reader.meta.name} ({reader.meta.format})" for reader in self.readers)
        return f"<Trace {traces}>"

    def _repr_html_(self) -> str:
        """The report of the audit, for notebooks."""
        from html import escape

        from tracetool.report.formats.html import write_html

        page = escape(write_html(self.audit()))
        return f'<iframe srcdoc="{page}" style="width: 100%; height: 40em; border: 0"></iframe>'

    # --- frames --------------------------------------------------------------------------------------------------

    def chunks(self) -> Iterator[pl.DataFrame]:
        """The events in frames of `EVENTS_SCHEMA`, one after the other; of the boots and processes that were chosen."""
        for number in range(len(self.readers)):
            yield from self.chunks_of(number)

    def chunks_of(self, number: int) -> Iterator[pl.DataFrame]:
        """The events of one trace, as `chunks`."""
        return Chosen(self.readers[number], self.options).chunks(number)

    def chunks_with_operations(self, *, audited: bool = False) -> Iterator[pl.DataFrame]:
        """The events as `chunks` gives them, with the columns `OF_OPERATIONS` of their operations.

        `audited`: with the columns `FOUND`, too.

        Raises:
            UsageError: a trace is standard input, which cannot be read again after the replay.
        """
        if not all(reader.rereadable for reader in self.readers):
            raise UsageError(
                "what is known of operations alone (variable, by, finding …) needs a replay first: "
                "save standard input to a file"
            )
        _, operations = self._operations(audited=audited)
        for frame in self.chunks():
            yield with_operations(frame, operations)

    @property
    def events(self) -> pl.DataFrame:
        """The events, a frame of `EVENTS_SCHEMA`; `scan` is for traces that do not fit into memory."""
        name = self.options.device
        chosen = (frame if name is None else frame.filter(events_of(name)) for frame in self.chunks())
        events = pl.concat([EVENTS_SCHEMA.to_frame(), *chosen])
        require_events(self.readers, sum(reader.health.events for reader in self.readers))
        warn_of_damage(self.readers)
        return events

    def operations(self, where: str | None = None, *, rule: str | None = None) -> pl.DataFrame:
        """The timeline, a frame of `OPERATIONS_SCHEMA`: one row an operation.

        Args:
            where: a query, such as `offset >= 768K and outcome != done`; see docs/query.md.
            rule: only operations that share an event with a case of this rule, as `where` with `rule == …`.
        """
        query = parse_where(where, "operations")
        wanted = None if rule is None else parse_rule(rule).id
        audited = wanted is not None or (query is not None and not query.columns.isdisjoint(FOUND))
        replayed, table = self._operations(audited=audited)
        if query is not None:
            table = table.filter(query.expression(replayed.starts))
        if wanted is not None:
            table = table.filter(pl.col("rule").list.contains(wanted))
        return table.drop(FOUND, strict=False)

    def _operations(self, *, audited: bool) -> tuple[Replayed, pl.DataFrame]:
        """The timeline; `audited`: with the columns `FOUND`."""
        if audited:
            replayed, audit = self._audited(keep_operations=True, keep_occurrences=True, variables=True)
            table = with_findings(audit.operations, audit.findings)
        else:
            replayed = self.replay(keep_operations=True, variables=True)
            table = replayed.operations()
        self.warn_of_doubts(replayed)
        return replayed, table

    def accesses(self) -> pl.DataFrame:
        """The accesses with the machine's state and what they did, a frame of `ACCESSES_SCHEMA`."""
        replayed = self.replay(keep_accesses=True)
        self.warn_of_doubts(replayed)
        return replayed.accesses()

    def blocks(self, where: str | None = None) -> pl.DataFrame:
        """Use of each erase block, a frame of `BLOCKS_SCHEMA`; `where` as for `operations`."""
        query = parse_where(where, "blocks")
        replayed = self.replay()
        self.warn_of_doubts(replayed)
        table = replayed.blocks()
        return table if query is None else table.filter(query.expression(replayed.starts))

    def findings(
        self,
        where: str | None = None,
        *,
        rule: str | None = None,
        policy: Policy | str | None = None,
        strict_silicon: bool = False,
        wear_limit: int = WEAR_LIMIT,
        variables: bool = False,
        power_cuts: bool = False,
    ) -> pl.DataFrame:
        """What the rules found, a frame of `FINDINGS_SCHEMA`; with `rule` every case of that rule is a row.

        The other arguments are those of `operations` and `audit`.
        """
        from tracetool.report.tables import findings_frame

        query = parse_where(where, "findings")
        needs = rule_needs(rule)
        _, audit = self._audited(
            RuleOptions(strict_silicon, wear_limit),
            policy=parse_policy(policy),
            keep_occurrences=rule is not None,
            variables=variables or needs["variables"],
            power_cuts=power_cuts or needs["power_cuts"],
        )
        table = findings_frame(audit.findings) if rule is None else _cases(audit, rule)
        return table if query is None else table.filter(query.expression(()))

    # --- UEFI variables ------------------------------------------------------------------------------------------

    def variables(self, *, at: int | str | None = None, deleted: bool = False) -> pl.DataFrame:
        """The UEFI variables, a frame of `VARIABLES_SCHEMA`: those that the firmware finds.

        Args:
            at: just after this event of the last trace; None: the end.
            deleted: every copy in the store, whatever its state.
        """
        from tracetool.uefi.varstore import variables_frame

        return variables_frame(self.variable_store(at=at), deleted=deleted)

    def variable_store(self, *, at: int | str | None = None) -> VariableStore:
        """The variable store just after event `at` of the last trace, or at the end, decoded.

        For the first moment the trace is replayed up to it; for others the whole trace once, whose journal then gives
        each moment in a tenth of a second. What replayed the whole trace with a journal before is used at once.

        Raises:
            InputError: no device holds one at that moment.
            UsageError: several do, and none is chosen with `device`; there is no such event.
        """
        from tracetool.analysis.variables import chosen_store, device_store, store_after

        moment = None if at is None else parse_number(at, "--at")
        decode: Callable[[Device], VariableStore | None] = device_store
        journalled = None if moment is None else self._journalled()
        if moment is None or (journalled is None and not self._moment_asked):
            replayed = self.replay(at=moment)
        else:
            replayed = journalled or self.replay(variables=True)
            _require_event(replayed, moment)
            decode = partial(store_after, trace=len(self.readers) - 1, seq=moment)
        self._moment_asked |= moment is not None
        self.warn_of_doubts(replayed)
        try:
            store = decode(chosen_store(replayed))
        except InputError:
            if moment is None:
                raise
            store = None
        if store is None:
            raise InputError(f"no UEFI variable store just after event {at}; --changes says what became of it")
        return store

    def environment(self, *, at: int | str | None = None) -> pl.DataFrame:
        """U-Boot's environment just after event `at`, or at the end, a frame of `ENVIRONMENT_SCHEMA`; empty: none.

        Only bytes that are known count: without an image those that the trace wrote.
        """
        from tracetool.uboot import environment_frame, find_environments

        replayed = self.replay(at=at)
        machines = [device.machine for device in replayed.devices.values() if device.machine is not None]
        return environment_frame([copy for machine in machines for copy in find_environments(machine.storage())])

    def environment_changes(self, name: str | None = None) -> pl.DataFrame:
        """Each save of U-Boot's environment and what it changed, a frame of `SAVES_SCHEMA`; empty: none.

        Args:
            name: only saves that changed the entry of this name, and those that left no sound copy.

        Raises:
            UsageError: there never was an entry of this name.
        """
        from tracetool.analysis.variables import store_changes
        from tracetool.uboot import SAVES_SCHEMA, environment_saves

        replayed = self.replay(keep_operations=True, variables=True)
        tables = [SAVES_SCHEMA.to_frame()]
        for device in replayed.devices.values():
            if device.machine is not None:
                after = device.machine.storage()
                before = np.zeros_like(after)
                if device.image is not None:
                    before[: len(device.image)] = device.image
                tables.append(environment_saves(before, after, store_changes(device)))
        saves = pl.concat(tables)
        if name is None or saves.is_empty():
            return saves
        if name not in {*saves["variable"], *self.environment()["variable"]}:
            raise UsageError(f"no entry {name!r} in U-Boot's environment at any time")
        return saves.filter((pl.col("variable") == name) | (pl.col("outcome") == "torn"))

    def variable_changes(self, name: str | None = None) -> pl.DataFrame:
        """What was done to the store and its variables, step by step, a frame of `CHANGES_SCHEMA`.

        Args:
            name: only the variables of this name.

        Raises:
            InputError: no device ever held a variable store.
            UsageError: several did, and none is chosen with `device`; there never was a variable of this name.
        """
        from tracetool.analysis.variables import changes_of, chosen_store

        replayed = self.replay(keep_operations=True, variables=True)
        self.warn_of_doubts(replayed)
        device = chosen_store(replayed)
        changes = changes_of(device, name)
        if device.image is None:
            LOGGER.warning(
                "%s: contents before the trace are not known: variables that were there look as if they were created; "
                "--image gives them",
                device.name,
            )
        return changes

    def uefi_requests(self, name: str | None = None) -> pl.DataFrame:
        """What the guest asked of QEMU's `uefi-vars` device, a frame of `REQUESTS_SCHEMA`; empty: nothing was traced.

        The device keeps variables in the place of a flash. `-trace 'uefi_*'` records its events; logs and the simple
        format are read.

        Args:
            name: only requests about the variables of this name.
        """
        from tracetool.ingest.uefi_vars import read_requests

        requests, damaged = read_requests(self.readers)
        if damaged:
            LOGGER.warning("%d events of uefi-vars are not understood", damaged)
        return requests if name is None else requests.filter(pl.col("variable") == name)

    def wear(self, *, endurance: int | None = None) -> WearForecast:
        """The wear of the variable store by what each boot added and erased, and the forecast from that.

        Its `forecast` is None where `why_not` says why; its `wear.boots`, `wear.variables` and `blocks` are frames.

        Args:
            endurance: erases that a block is good for; None: those in the data sheet of the chip that QEMU's
                identifiers name.

        Raises:
            InputError: no device holds a variable store at the end.
            UsageError: several do, and none is chosen with `device`.
        """
        from tracetool.analysis.variables import chosen_store
        from tracetool.audit.wear import forecast_wear

        replayed = self.replay(keep_operations=True, variables=True)
        self.warn_of_doubts(replayed)
        return forecast_wear(chosen_store(replayed), replayed, endurance=endurance)

    # --- guest code ----------------------------------------------------------------------------------------------

    def who(self, where: str | None = None) -> pl.DataFrame:
        """What each module of the guest did to the flash, a frame of `WHO_SCHEMA`; `where` as for `operations`.

        Raises:
            InputError: there is no log of the guest's code: the run was not recorded with `--who`.
        """
        from tracetool.audit.modules import sum_by_module

        self.require_code()
        query = parse_where(where, "operations")
        replayed, table = self._operations(audited=True)
        return sum_by_module(table if query is None else table.filter(query.expression(replayed.starts)))

    def require_code(self) -> None:
        """Raise InputError if no trace has a log of the guest's code."""
        from tracetool.analysis.runs import has_code

        if not has_code(self.readers, self.options):
            raise InputError(
                f"{self.readers[0].meta.name}: holds no log of the guest's code: record the run with tracetool record "
                "--who, or give the log with --who-log"
            )

    def blame(
        self,
        start: int,
        end: int | None = None,
        *,
        at: int | str | None = None,
        device: str = "",
    ) -> pl.DataFrame:
        """Which operation put bytes of the flash there, a frame of `BLAME_SCHEMA`: one row a range of one origin.

        The first question replays the trace; others about the same device take some milliseconds.

        Args:
            start: offset of the first byte.
            end: offset behind the last one; None: one byte.
            at: the moment after this event of the last trace, or of another, as in `0:4370`; None: the end.
            device: its name; without one, the device that is written.

        Raises:
            UsageError: there is no such device or event, or the bytes are not in it.
            InputError: the device was not replayed.
        """
        if device not in self._blames:
            self._blames[device] = self._make_blame(device)
        found, blame = self._blames[device]
        size = found.geometry.size if found.geometry is not None else 0
        end = start + 1 if end is None else end
        if not 0 <= start < end <= size:
            raise UsageError(
                f"{format_offset(start)}..{format_offset(end)}: {found.name} has the bytes 0 to {format_offset(size)}; "
                "give OFFSET, or OFFSET..END, the end exclusive"
            )
        return blame.frame(start, end, self._position(found, at))

    def _make_blame(self, device: str) -> tuple[Device, Blame]:
        from tracetool.analysis.blame import Blame

        replayed = self.replay(keep_operations=True, variables=True)
        self.warn_of_doubts(replayed)
        only = next(iter(replayed.devices)) if len(replayed.devices) == 1 else ""
        found = replayed.chosen(device or only, "--device")
        history = found.history()
        if history is None:
            raise InputError(f"{found.name}: its contents are not known: it was not replayed")
        return found, Blame(history, found.operation_table(), found.followed_store)

    def _position(self, device: Device, at: int | str | None) -> int:
        """The position of a moment in a device's history."""
        history = device.history()
        if history is None or at is None:
            return 0 if history is None else len(history)
        text = str(at)
        trace, seq = parse_event(text if ":" in text else f"{len(self.readers) - 1}:{text}", len(self.readers))
        last = max((notes.last_seq for notes in device.notes if notes.trace == trace), default=-1)
        if seq > last:
            raise UsageError(f"--at {at}: the last event of {device.name} in that trace is {last}")
        return history.position(trace, seq)

    # --- answers -------------------------------------------------------------------------------------------------

    def audit(
        self,
        *,
        policy: Policy | str | None = None,
        guests: int = 1,
        strict_silicon: bool = False,
        wear_limit: int = WEAR_LIMIT,
        variables: bool = False,
        power_cuts: bool = False,
    ) -> Audit:
        """Audit the traces: did the guest write outside the extent of its flash? Verdicts, figures and `findings`.

        Args:
            policy: what a file shorter than the region does with writes beyond it: `discard` (the default),
                `volatile`, `error`, `padded`; `all` compares them.
            guests: how many guests the saving is worked out for.
            strict_silicon: what a real chip would refuse is an error, not a note.
            wear_limit: note a block that was erased more often.
            variables: follow the UEFI variable store too, for the rules about it.
            power_cuts: cut the power at every commit to the UEFI variables, for the rules about it.

        Raises:
            InputError: a trace or an image cannot be read.
            UsageError: options contradict each other or the trace.
        """
        rules = RuleOptions(strict_silicon, wear_limit)
        if policy == ALL_POLICIES:
            from tracetool.audit.compare import compare_policies

            options = replace(self.options, variables=variables, power_cuts=power_cuts)
            audit = compare_policies(self.readers, options, rules, guests=guests)
            require_events(self.readers, sum(trace.events for trace in audit.traces))
            return audit
        asked = {"variables": variables, "power_cuts": power_cuts}
        return self._audited(rules, guests=guests, policy=parse_policy(policy), **asked)[1]

    def explain(self, event: int | str, *, policy: Policy | str | None = None) -> Explanation:
        """One event in words: command, state and bytes before and after, its operation and findings.

        Args:
            event: its number (column `seq`); with several traces that of its trace before it, as in `1:4370`.
            policy: as for `audit`.
        """
        from tracetool.explain import explain

        trace, seq = parse_event(event, len(self.readers))
        return explain(self.readers[: trace + 1], replace(self.options, policy=parse_policy(policy)), seq)

    def image(
        self, device: str = "", *, at: int | str | None = None, policy: Policy | str | None = None
    ) -> NDArray[np.uint8]:
        """The image file of a device as QEMU would have left it, uint8.

        Args:
            device: its name; without one, the device that is written.
            at: the moment after this event of the last trace; None: the end.
            policy: of the device; None: the one that the trace was recorded on.

        Raises:
            UsageError: a byte of it is not known, or there is no such device, event or policy.
        """
        return self._contents(device, at, policy, backing=True)

    def storage(
        self, device: str = "", *, at: int | str | None = None, policy: Policy | str | None = None
    ) -> NDArray[np.uint8]:
        """What the guest would have read back of a device, uint8; arguments and errors as of `image`."""
        return self._contents(device, at, policy, backing=False)

    def cut(self, first: int | str = 0, last: int | str | None = None) -> Trace:
        """The part of the trace from one event to another, as a trace: whole operations, each device from a reset on.

        Its flash begins with what `storage` has at the event before. What was left out is lost to an audit.

        Args:
            first: number of an event.
            last: that of a later one; None: the end.

        Raises:
            UsageError: there is no operation between them; there are several traces, or one that is read only once.
        """
        from tracetool.library.parts import cut

        return self._of(cut(self, first, last))

    def shrink(self, rule: str) -> Trace:
        """The fewest operations that still give the first finding of a rule, as a trace.

        No operation can be left out of it alone. What was left out is lost to an audit.

        Args:
            rule: its identifier.

        Raises:
            UsageError: the trace has no finding of the rule, or the rule is about the trace itself; likewise.
        """
        from tracetool.library.parts import shrunk

        return self._of(shrunk(self, rule)[0])

    def _of(self, part: Part) -> Trace:
        options = self.options if part.from_the_start else replace(self.options, images={})
        return Trace(self.paths, [part.reader], options)

    def verify(
        self,
        *,
        after: Mapping[str, Path] | None = None,
        qemu_binary: str | None = None,
        seconds: float = 300,
    ) -> Verification:
        """Hold the model against the trace, the image after it, and a real QEMU's flash.

        Args:
            after: the image file after the last trace, by device. A run directory brings its own.
            qemu_binary: a QEMU whose flash is given the same accesses.
            seconds: how long it is driven at most.
        """
        from tracetool.verify import verify

        found = verify(self.readers, self.options, after=after, program=qemu_binary, seconds=seconds)
        require_events(self.readers, sum(trace.events for trace in found.traces))
        return found

    # --- the replay ----------------------------------------------------------------------------------------------

    def replay(self, *, at: int | str | None = None, policy: Policy | str | None = None, **keep: Any) -> Replayed:  # noqa: ANN401
        """The devices after a replay, up to event `at` of the last trace; `keep` names tables of `Options` to keep.

        Raises:
            UsageError: the last trace has no event `at`; options contradict each other or the trace.
            InputError: a trace or an image cannot be read, or has no pflash event.
        """
        moment = None if at is None else parse_number(at, "--at")
        options = replace(self.options, at=moment, policy=parse_policy(policy), **keep)
        key = (moment, options.policy, *keep.items())
        replayed, _ = self._once(key, lambda: (replay_readers(self.readers, options), None))
        require_events(self.readers, sum(trace.events for trace in replayed.traces))
        if moment is not None:
            _require_event(replayed, moment)
        return replayed

    @property
    def starts(self) -> tuple[int | None, ...]:
        """The recorded time of each trace's first event, in nanoseconds; None where it has no times."""
        replayed = next((replayed for replayed, _ in self._results.values()), None)
        return (replayed or self.replay()).starts

    def _audited(
        self,
        rules: RuleOptions = DEFAULTS,
        *,
        guests: int = 1,
        **changes: Any,  # noqa: ANN401
    ) -> tuple[Replayed, Audit]:
        """The audit and the replay that it was made of; `changes` are fields of `Options`."""
        from tracetool.audit.audit import audit_replayed

        def work() -> tuple[Replayed, Audit]:
            return audit_replayed(self.readers, replace(self.options, **changes), rules, guests=guests)

        found = self._once((rules, guests, *changes.items()), work)
        require_events(self.readers, sum(trace.events for trace in found[0].traces))
        return found

    def _compared(self) -> tuple[Replayed, Audit]:
        """What two runs are compared by (`tracetool.diff`)."""
        replayed, audit = self._audited(keep_operations=True, variables=True)
        self.warn_of_doubts(replayed)
        return replayed, audit

    def _journalled(self) -> Replayed | None:
        """A replay of the whole trace whose devices kept a journal, where one is kept."""

        def whole(replayed: Replayed) -> bool:
            devices = replayed.devices.values()
            return all(device.options.keeps_journal and device.options.at is None for device in devices)

        return next((replayed for replayed, _ in self._results.values() if replayed.devices and whole(replayed)), None)

    def _once(self, key: tuple[object, ...], work: Callable[[], tuple[Replayed, Any]]) -> tuple[Replayed, Any]:
        """Cached result of `work`; the latest `_KEPT_RESULTS` are kept."""
        if key not in self._results:
            result = work()
            for old in list(self._results)[: 1 - _KEPT_RESULTS]:
                del self._results[old]
            self._results[key] = result
        return self._results[key]

    def _contents(
        self, device: str, at: int | str | None, policy: Policy | str | None, *, backing: bool
    ) -> NDArray[np.uint8]:
        from tracetool.analysis.contents import contents_of

        replayed = self.replay(at=at, policy=policy)
        chosen = replayed.chosen(device, "--write-image" if backing else "--storage")
        return contents_of(chosen, backing=backing)

    def warn_of_doubts(self, replayed: Replayed) -> None:
        """Log damage of the traces, and the devices whose model disagrees with the trace."""
        from tracetool.audit.verdict import stores_unknown

        warn_of_damage(self.readers)
        for doubt in replayed.doubts_of_code:
            LOGGER.warning(doubt)
        for name, device in replayed.devices.items():
            for notes in device.notes:
                if notes.disagreement is not None:
                    seq = notes.disagreement.seq
                    LOGGER.warning("%s: model and trace disagree from event %d on (TRC001)", name, seq)
            if not device.stores_known:
                LOGGER.warning("%s: %s", name, stores_unknown(device).text)


def _require_event(replayed: Replayed, seq: int) -> None:
    """UsageError where the last trace ends before an event."""
    last = max((notes.last_seq for device in replayed.devices.values() for notes in device.notes[-1:]), default=-1)
    if seq > last:
        raise UsageError(f"--at {seq}: the last event of the trace is {last}")


def _cases(audit: Audit, rule: str) -> pl.DataFrame:
    """Every case of a rule, a frame of `FINDINGS_SCHEMA`."""
    from tracetool.report.tables import findings_frame

    wanted = parse_rule(rule).id
    return findings_frame((finding for finding in audit.findings if finding.rule == wanted), each=True)
