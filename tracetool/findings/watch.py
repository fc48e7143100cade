"""Rules about operations: predicates over the operations of a device as they close, with what went before them.

A predicate is a polars expression over the sums of `tracetool.timeline.operations` and the context columns that
`OperationWatch` adds; each keeps one cluster, so memory does not grow with the trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from replay.cfi import Opcode, Status
from replay.columns import Flag, OpKind, Outcome
from tracetool.analysis.tally import Cluster, Occurrence
from tracetool.analysis.wide_erases import WideErases
from tracetool.timeline.accesses import NO_TIME

if TYPE_CHECKING:
    from replay.geometry import Geometry
    from replay.silicon import ChipProfile

__all__ = ["OPERATION_RULES", "OperationWatch"]

_ERROR_BITS = int(Status.PROGRAM_ERROR | Status.ERASE_ERROR)
_WRITING = [int(kind) for kind in (OpKind.ERASE, OpKind.PROGRAM, OpKind.BUFFERED_PROGRAM)]
_HARMLESS = [int(kind) for kind in (OpKind.STATUS, OpKind.CLEAR_STATUS, OpKind.RESET)]
_QUIET = [int(kind) for kind in (OpKind.READ_ARRAY, OpKind.IDENTIFY, OpKind.QUERY)]
_SUSPEND = 0xB0
# Second cycles of 0x60 that QEMU does not know: lock-down and the read configuration register.
# Ref: Intel 28F160C18 data sheet, table 5; Numonyx L18 data sheet, order 251902, table 20.
_LOCK_CYCLES = [0x2F, 0x03]
_WORDS_PER_COUNT = 1
_POLLED = -1
"""Instead of the number of a run: the status was read as ready."""
_LOCK_STATUS_WORD = 2  # index of a block's lock status among its identifiers; bit 0 of it is set if locked


def _kind(kind: OpKind) -> pl.Expr:
    return pl.col("kind") == int(kind)


def _flag(flags: int) -> pl.Expr:
    return (pl.col("flags") & flags) != 0


def _ended(*outcomes: Outcome) -> pl.Expr:
    return pl.col("outcome").is_in([int(outcome) for outcome in outcomes]).fill_null(value=False)


_IN_STEP = ~_flag(Flag.MISMATCH | Flag.ADOPTED)
_ON_WRITABLE = ~_flag(Flag.READ_ONLY_TARGET)
_IS_WRITING = pl.col("kind").is_in(_WRITING)
_KNOWN = ~pl.col("unknown")
_DOUBLE_ERROR = (pl.col("status_before") & _ERROR_BITS) != 0
_BUFFERED = _kind(OpKind.BUFFERED_PROGRAM)
_BLOCK_OF_COUNT = pl.col("count_offset") // pl.col("block_bytes")
_LOW_BYTE = pl.col("command_value") & 0xFF
_LOCK_ON_SILICON = _LOW_BYTE.eq(int(Opcode.LOCK_SETUP)) & (pl.col("bad_cycle_value") & 0xFF).is_in(_LOCK_CYCLES)
_ALLOWED_WHEN_BUSY = pl.col("kind").is_in(_HARMLESS + _QUIET) | (_LOW_BYTE == _SUSPEND)

OPERATION_RULES: dict[str, pl.Expr] = {
    "SEQ002": _BUFFERED & _ended(Outcome.REFUSED, Outcome.ABORTED) & _ON_WRITABLE,
    "SEQ003": _kind(OpKind.ERASE) & _flag(Flag.BAD_SECOND_CYCLE),
    "SEQ006": _IS_WRITING & _DOUBLE_ERROR,
    "WEAR002": _IS_WRITING & _ended(Outcome.DONE) & _KNOWN & (pl.col("bytes_changed") == 0) & _ON_WRITABLE,
    "NOR001": _IS_WRITING & _KNOWN & (pl.col("bits_set_without_erase") > 0),
    "NOR002": _kind(OpKind.ERASE) & _flag(Flag.BAD_SECOND_CYCLE),
    # 0x98 has no second cycle: what QEMU takes for one is a command of its own on silicon.
    # Ref: Intel 28F160C18 data sheet, table 5 (Read Query: one write, then reads).
    "NOR003": ~pl.col("kind").is_in([int(OpKind.ERASE), int(OpKind.QUERY)])
    & _flag(Flag.BAD_SECOND_CYCLE)
    & ~_LOCK_ON_SILICON.fill_null(value=False),
    # The start is the first word's place; setup and count may go anywhere in the block.
    # Ref: ST M58PR256J data sheet, 4.8 (the same command set); Linux's cfi_cmdset_0001 and U-Boot's cfi_flash do so.
    "NOR004": _BUFFERED
    & (
        (pl.col("words_low") < pl.col("words_start"))
        | (pl.col("words_high") > pl.col("words_start") + pl.col("counted_bytes"))
        | (pl.col("words_low") // pl.col("block_bytes") != _BLOCK_OF_COUNT)
        | ((pl.col("words_high") - 1) // pl.col("block_bytes") != _BLOCK_OF_COUNT)
    ),
    "NOR005": _BUFFERED & (pl.col("words_start") % pl.col("buffer_bytes") != 0),
    # Ref: P30 data sheet, order 306666, 11.1: which commands can be issued during programming.
    "NOR006": pl.col("busy_before") & ~_ALLOWED_WHEN_BUSY,
    "NOR006-untimed": pl.col("unpolled_before") & ~_ALLOWED_WHEN_BUSY,
    "NOR007": _DOUBLE_ERROR & ~pl.col("kind").is_in(_HARMLESS + _QUIET),
    "NOR008": _IS_WRITING & pl.col("locked"),
    "NOR009": pl.col("one_lane"),
    "NOR010": pl.col("command_value").is_in([0xB0, 0xD0, 0xB000B0, 0xD000D0]),
}
"""Predicate of each rule that is about single operations; `NOR006-untimed` is what NOR006 can tell without times."""

_RULES = tuple(OPERATION_RULES.items())


class OperationWatch:
    """Watches the operations of one device for everything in `OPERATION_RULES`.

    `written_bytes` counts bytes erased and programmed, `changed_bytes` those that programs changed, which means
    something only if not `contents_unknown`.
    """

    def __init__(self, geometry: Geometry, chip: ChipProfile, *, listed: bool = False) -> None:
        self.clusters = {name: Cluster(occurrences=[] if listed else None) for name in OPERATION_RULES}
        self.wide_erases = WideErases(geometry.block, listed=listed)
        self._geometry = geometry
        self._chip = chip
        self.written_bytes = 0
        self.changed_bytes = 0
        self.contents_unknown = False
        self._writing = pl.DataFrame({"run": [_POLLED], "since_ns": [0], "longest_ns": [0]})
        self._unlocked: set[int] = set()
        self._boot = (-1, -1)

    def add(self, sums: pl.DataFrame, trace: int) -> None:
        """Take in operations that have closed."""
        if sums.is_empty():
            return
        frame = self._with_context(sums, trace)
        self._add_amounts(frame)
        self.wide_erases.add(frame, trace)
        hits = frame.select(**{name: (rule & _is_shown(name)).fill_null(value=False) for name, rule in _RULES})
        for name, cluster in self.clusters.items():
            mask = hits[name]
            if mask.any():
                _widen(cluster, frame.filter(mask), trace)

    def _add_amounts(self, frame: pl.DataFrame) -> None:
        """Bytes erased and programmed, and bytes that programs changed."""
        programs = frame.filter(~_kind(OpKind.ERASE) & _IS_WRITING)
        self.written_bytes += int(frame["programmed"].sum()) + int(frame["erased"].sum()) * self._geometry.block
        self.changed_bytes += int(programs["bytes_changed"].sum())
        self.contents_unknown |= bool(programs["unknown"].any())

    def _with_context(self, sums: pl.DataFrame, trace: int) -> pl.DataFrame:
        """Add what went before each operation, and the sizes that the rules need."""
        width = self._geometry.bank_width
        chip_width = self._geometry.chip_width or width
        count_mask = (1 << (8 * chip_width)) - 1
        chips = self._geometry.chips
        words = (pl.col("count_value") & count_mask) + _WORDS_PER_COUNT
        frame = sums.with_columns(
            block_bytes=pl.lit(self._geometry.block),
            buffer_bytes=pl.lit(self._chip.buffer_bytes * chips),
            counted_bytes=words * width,
            one_lane=self._one_lane(),
        )
        return frame.with_columns(
            *self._busy_before(frame, trace),
            locked=pl.Series(self._locked(frame, trace), dtype=pl.Boolean),
        )

    def _one_lane(self) -> pl.Expr:
        """A command for some chips of several: its byte alone in an access as wide as the bank, or a narrower access.

        A driver that does not know the bus yet asks for identifiers in every width; these are left out.
        """
        geometry = self._geometry
        if geometry.chips == 1:
            return pl.lit(value=False)
        value, size = pl.col("command_value"), pl.col("command_size")
        command = ~pl.col("kind").is_in([int(OpKind.STRAY), int(OpKind.NONE), *_QUIET])
        plain = (value > 0) & (value <= 0xFF) & (size == geometry.bank_width)  # noqa: PLR2004  one byte
        return command & (plain | size.is_between(geometry.chip_width, geometry.bank_width, closed="left"))

    def _busy_before(self, frame: pl.DataFrame, trace: int) -> pl.DataFrame:
        """Whether a chip could be busy with a program or erase that nobody saw end, before each operation.

        Nobody saw it end if the status was not read as ready since. `busy_before` says that the chip's longest time for
        it was not over, `unpolled_before` that the trace has no times to tell. A reset ends everything.
        """
        chip, run = self._chip, _run_of(trace)
        longest_ns = {
            int(OpKind.ERASE): chip.erase_us * 1000,
            int(OpKind.PROGRAM): chip.program_us * 1000,
            int(OpKind.BUFFERED_PROGRAM): chip.buffered_program_us * 1000,
        }
        ends = _IS_WRITING | pl.col("polled_ready")
        marks = frame.select(
            pl.when("polled_ready").then(_POLLED).when(_IS_WRITING).then(run).cast(pl.Int64).alias("run"),
            pl.when(ends).then("end_ns").cast(pl.Int64).alias("since_ns"),
            pl.when(ends)
            .then(pl.col("kind").replace_strict(longest_ns, default=0, return_dtype=pl.Int64))
            .alias("longest_ns"),
        )
        after = pl.concat([self._writing, marks]).fill_null(strategy="forward")
        self._writing = after.tail(1)
        timed = (pl.col("since_ns") != NO_TIME) & (pl.col("time_ns") != NO_TIME)
        elapsed_ns = pl.col("time_ns") - pl.col("since_ns")
        unpolled = (pl.col("run") == run).fill_null(value=False)
        return (
            after.head(len(frame))
            .hstack(frame.select("boot", "time_ns"))
            .select(
                (unpolled & timed & (elapsed_ns >= 0) & (elapsed_ns < pl.col("longest_ns"))).alias("busy_before"),
                (unpolled & ~timed).alias("unpolled_before"),
            )
        )

    def _locked(self, frame: pl.DataFrame, trace: int) -> list[bool]:
        """Whether each operation writes to a block that was not unlocked since the chip had power or was reset.

        A driver that read the block's lock status and found it unlocked need not unlock it; it would have on silicon.
        """
        if not self._chip.locked_at_power_up:
            return [False] * len(frame)
        locked = []
        asked = (pl.col("identifier_offset") // self._geometry.bank_width) & 0xFF == _LOCK_STATUS_WORD
        place = frame.select(
            pl.coalesce("low", "command_offset").fill_null(0) // self._geometry.block,
            pl.when(asked).then(pl.col("identifier_offset") // self._geometry.block),
            "kind",
            "boot",
        ).iter_rows()
        for block, checked, kind, boot in place:
            if (trace, boot) != self._boot:
                self._boot = (trace, boot)
                self._unlocked.clear()
            if checked is not None:
                self._unlocked.add(checked)
            if kind == OpKind.UNLOCK:
                self._unlocked.add(block)
            elif kind == OpKind.LOCK:
                self._unlocked.discard(block)
            locked.append(block not in self._unlocked)
        return locked


def _run_of(trace: int) -> pl.Expr:
    """A number for the time between two resets, in which a chip goes on with what it does."""
    return pl.col("boot").cast(pl.Int64) + (trace << 16)


def _is_shown(name: str) -> pl.Expr:
    """Whether the trace shows enough of an operation for a rule to blame the guest.

    Where model and trace disagree, or the state is a guess, TRC001 or TRC007 speaks: what the model makes of the rest
    of the operation may be the trace's fault. Inner events alone do not show which commands a chip would have seen,
    nor which words make up a buffered write: one that changed nothing is then but a word.
    """
    if name == "WEAR002":
        return ~(_BUFFERED & pl.col("inferred"))
    return _IN_STEP & ~pl.col("inferred") if name.startswith("NOR") else _IN_STEP


def _widen(cluster: Cluster, found: pl.DataFrame, trace: int) -> None:
    """Take operations into a cluster."""
    low = pl.coalesce("low", "command_offset").fill_null(-1)
    end = pl.coalesce("high", pl.col("command_offset") + pl.col("command_size")).fill_null(-1)
    rows = found.select(
        "first_seq", "last_seq", low.alias("low"), end.alias("end"), pl.col("command_value").fill_null(-1)
    )
    first = rows.row(0, named=True)
    changed = int(found["bytes_changed"].sum())
    cluster.merge(
        Cluster(
            count=len(rows),
            bytes=changed,
            offset=int(rows["low"].min()),  # type: ignore[arg-type]
            end=int(rows["end"].max()),  # type: ignore[arg-type]
            first_seq=int(first["first_seq"]),
            last_seq=int(rows["last_seq"].max()),  # type: ignore[arg-type]
            example=int(first["command_value"]),
            trace=trace,
            last_trace=trace,
        )
    )
    if cluster.occurrences is not None:
        for seq, _, offset, stop, value in rows.iter_rows():
            cluster.occurrences.append(Occurrence(trace, seq, offset, stop - offset, value))
