"""Traces, open: their events, what the replay makes of them, and the audit."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tracetool.analysis.boots import Chosen, parse_boot
from tracetool.analysis.naming import events_of
from tracetool.analysis.options import Options, parse_behaviour, parse_board
from tracetool.analysis.session import replay_readers
from tracetool.errors import InputError, UsageError
from tracetool.events import EVENTS_SCHEMA
from tracetool.findings import WEAR_LIMIT, Need
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
)
from tracetool.paths import user_path
from tracetool.timeline.touched import with_operations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from replay.backing import Policy
    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed
    from tracetool.audit import Audit
    from tracetool.audit.wear import WearForecast
    from tracetool.explain import Explanation
    from tracetool.ingest import TraceReader
    from tracetool.library.inputs import Progress
    from tracetool.library.keywords import ByDevice
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
    input_format: str | None = None,
    strict: bool = False,
    progress: Callable[[str], Progress] | None = None,
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
        input_format: what the traces are, where that is not recognised: a name that `--input-format` takes.
        strict: raise at the first line or record that is not understood, instead of a warning at the end.
        progress: returns for each path a function that is called with the bytes read and the size of the file.

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
    )
    if not traces:
        raise UsageError("no trace is named")
    paths = named_traces([os.fspath(trace) for trace in traces])
    return Trace(paths, open_readers(paths, input_format=input_format, strict=strict, progress=progress), options)


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

    def chunks_with_operations(self) -> Iterator[pl.DataFrame]:
        """The events as `chunks` gives them, with `part`, `variable` and `intent` of their operations.

        Raises:
            UsageError: a trace is standard input, which cannot be read again after the replay.
        """
        if not all(reader.rereadable for reader in self.readers):
            raise UsageError("variable, intent and part need a replay first: save standard input to a file")
        operations = self.operations()
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
            rule: only operations that share an event with a case of this rule.
        """
        query = parse_where(where, "operations")
        if rule is None:
            replayed = self.replay(keep_operations=True, variables=True)
            table = replayed.operations()
        else:
            replayed, audit = self._audited(keep_operations=True, keep_occurrences=True, variables=True)
            table = _with_cases(audit.operations, _cases(audit, rule))
        self.warn_of_doubts(replayed)
        return table if query is None else table.filter(query.expression(replayed.starts))

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
        _, audit = self._audited(
            RuleOptions(strict_silicon, wear_limit),
            policy=parse_policy(policy),
            keep_occurrences=rule is not None,
            variables=variables or _needs(rule, Need.VARIABLES, Need.VARIABLES_OR_CODE),
            power_cuts=power_cuts or _needs(rule, Need.POWER_CUTS),
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
        each moment in a tenth of a second.

        Raises:
            InputError: no device holds one at that moment.
            UsageError: several do, and none is chosen with `device`; there is no such event.
        """
        from tracetool.analysis.variables import chosen_store, device_store, store_after

        moment = None if at is None else parse_number(at, "--at")
        decode: Callable[[Device], VariableStore | None] = device_store
        if moment is None or not self._moment_asked:
            replayed = self.replay(at=moment)
        else:
            replayed = self.replay(variables=True)
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

    def callers(
        self, where: str | None = None, *, log: str | Path | None = None, code: str | Path | None = None
    ) -> pl.DataFrame:
        """The timeline with the guest code behind each operation, a frame of `CALLERS_SCHEMA`.

        Args:
            where: as for `operations`.
            log: the log of the plugin, where the trace is not the run directory that has it.
            code: the image of the code flash, which names modules; likewise.

        Raises:
            InputError: there is no log: the run was not recorded with `--who`.
            UsageError: one log is given for several traces.
        """
        from tracetool.who.callers import with_callers

        return with_callers(self.readers, self.chunks_of, self.operations(where), log=log, code=code)

    def who(
        self, where: str | None = None, *, log: str | Path | None = None, code: str | Path | None = None
    ) -> pl.DataFrame:
        """What each module of the guest did to the flash, a frame of `WHO_SCHEMA`; arguments as of `callers`."""
        from tracetool.who.attribution import sum_by_module

        return sum_by_module(self.callers(where, log=log, code=code))

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


def _needs(rule: str | None, *needs: Need) -> bool:
    """True for a rule that has one of these needs."""
    return rule is not None and not {*needs}.isdisjoint(parse_rule(rule).needs)


def _cases(audit: Audit, rule: str) -> pl.DataFrame:
    """Every case of a rule, a frame of `FINDINGS_SCHEMA`."""
    from tracetool.report.tables import findings_frame

    wanted = parse_rule(rule).id
    return findings_frame((finding for finding in audit.findings if finding.rule == wanted), each=True)


def _with_cases(table: pl.DataFrame, cases: pl.DataFrame) -> pl.DataFrame:
    """The operations that share an event with a case. Those of a device follow one another in a trace."""
    import numpy as np

    chosen = np.zeros(table.height, np.bool_)
    for (device, trace), part in cases.drop_nulls("first_seq").group_by("device", "trace"):
        mine = (pl.col("device").cast(pl.String) == device) & (pl.col("trace") == trace)
        rows = table.select(pl.arg_where(mine)).to_series().to_numpy()
        first = np.searchsorted(table["last_seq"][rows], part["first_seq"])
        end = np.searchsorted(table["first_seq"][rows], part["last_seq"], side="right")
        steps = np.bincount(first, minlength=len(rows) + 1) - np.bincount(end, minlength=len(rows) + 1)
        chosen[rows] = steps.cumsum()[:-1] > 0
    return table.filter(chosen)
