"""Several QEMUs in one trace: each process is a machine, and never is one device made of two."""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.captures import ROOT, case_path
from tests.tracetool.export.support import exported
from tests.tracetool.logs import Log, log
from tests.tracetool.simple_traces import Simple
from tests.tracetool.traces import Audited, audited
from tracetool.analysis.options import Options
from tracetool.audit import Verdict
from tracetool.errors import UsageError
from tracetool.ingest import open_trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

FLASH0, FLASH1 = "virt.flash0", "virt.flash1"
EXTENT = 0xC0000
FIRST_BOOT = ROOT / "samples" / "aavmf-first-boot" / "trace.log.zst"
ALONE = frozenset({"name", "process"})
"""What the audit of a device says otherwise where its trace holds another process."""


def boot(*values: int, offset: int = 0x100) -> Log:
    """A start of a machine whose guest programs these words."""
    trace = log(FLASH0, read_only=True).reset().of(log(FLASH1).realize(EXTENT).reset())
    for number, value in enumerate(values):
        trace.of(log(FLASH1).program(offset + 4 * number, value).read_array())
    return trace


def tagged(trace: Log, process: int) -> list[str]:
    return [f"Nov 22 08:26:18 host qemu-system-aarch64[{process}]: {line}" for line in trace.text.splitlines()]


def by_thread(trace: Log, main: int, *others: int) -> list[str]:
    """The lines as a log has them where resets are of the main thread, and accesses of another."""
    lines = trace.text.splitlines()
    own = [main if " reset" in line or "realize" in line or not others else others[0] for line in lines]
    return [
        f"{thread}@1795335978.{number:06d}:{line}" for number, (thread, line) in enumerate(zip(own, lines, strict=True))
    ]


def interleaved(*traces: Sequence[str], order: Iterable[int] = ()) -> str:
    """The lines of several logs in one: `order` says from which the next is, then they take turns."""
    left = [iter(trace) for trace in traces]
    turns = chain(order, *repeat(range(len(left)), max(map(len, traces))))
    lines = (next(left[turn % len(left)], None) for turn in turns)
    return "".join(f"{line}\n" for line in lines if line is not None)


def figures(found: Audited, name: str) -> dict[str, Any]:
    """What the audit says of a device but for its name, and of what was found there but for the events' numbers."""
    (device,) = [device for device in found.document["devices"] if device["name"] == name]
    findings = [(f.rule, f.offset, f.length, f.count) for f in found.audit.findings if f.device == name]
    return {key: value for key, value in device.items() if key not in ALONE} | {"findings": findings}


# --- where the format names the process --------------------------------------------------------------------------


@pytest.mark.slow
def test_two_guests_in_one_journal_are_each_as_in_a_log_of_their_own() -> None:
    both, alone = audited(case_path("two-qemus-one-journal.log.zst")), audited(FIRST_BOOT)
    for name in (FLASH0, FLASH1):
        for process in (4711, 4812):
            assert figures(both, f"{name} (pid {process})") == figures(alone, name)
    totals = both[f"{FLASH1} (pid 4711)"].totals
    assert (totals.buffered_programs, totals.erases) == (217, 23)
    assert both.rules & {"NOR001", "TRC001"} == set()


programs = st.lists(st.integers(0, 0xFFFF), max_size=4)


@settings(max_examples=10)
@given(programs, programs, st.lists(st.integers(0, 1), max_size=30), st.integers(1, 2000))
@pytest.mark.slow
def test_the_audit_of_a_process_is_that_of_its_own_log(
    first: list[int], second: list[int], order: list[int], chunk_bytes: int
) -> None:
    traces = {4711: tagged(boot(*first), 4711), 4812: tagged(boot(*second, offset=EXTENT - 8), 4812)}
    text = interleaved(*traces.values(), order=order)
    whole = audited(text)
    for process, lines in traces.items():
        alone = audited(interleaved(lines))
        for name in (FLASH0, FLASH1):
            assert figures(whole, f"{name} (pid {process})") == figures(alone, name)
    for cut in (audited(text, chunk_bytes=chunk_bytes), audited(text, chunk_bytes=chunk_bytes, stream=True)):
        assert cut.document == whole.document


def test_one_process_is_shown_as_the_plain_device() -> None:
    found = audited(interleaved(tagged(boot(1), 4711)))
    assert [(device.name, device.process) for device in found.audit.devices] == [(FLASH0, None), (FLASH1, None)]


def test_a_process_that_comes_after_another_is_a_machine_of_its_own() -> None:
    found = audited("".join(f"{line}\n" for line in tagged(boot(1), 4711) + tagged(boot(1, 2), 4812)))
    assert found[f"{FLASH1} (pid 4711)"].totals.programs == 1
    assert found[f"{FLASH1} (pid 4812)"].totals.programs == 2


def test_events_without_a_process_beside_others_are_nobody_s() -> None:
    found = audited(interleaved(tagged(boot(1), 4711), boot(1, 2).text.splitlines()))
    assert found[f"{FLASH1} (pid unknown)"].totals.programs == 2
    assert found[f"{FLASH1} (pid 4711)"].totals.programs == 1


def test_a_process_is_chosen_and_what_is_left_out_stays_known() -> None:
    text = interleaved(tagged(boot(1), 4711), tagged(boot(1, 2, 3), 4812))
    found = audited(text, options=Options(processes=frozenset({4812})))
    assert [device.name for device in found.audit.devices] == [f"{FLASH0} (pid 4812)", f"{FLASH1} (pid 4812)"]
    left = boot(1).count
    assert f"log: {left} events of pid 4711 left out (--process)" in found[f"{FLASH1} (pid 4812)"].verdict_reasons
    (trace,) = found.document["traces"]
    assert [(span["process"], span["events"], span["left_out"]) for span in trace["processes"]] == [
        (4711, left, True),
        (4812, boot(1, 2, 3).count, False),
    ]


def test_a_process_that_is_not_there_is_refused_with_those_that_are() -> None:
    text = interleaved(tagged(boot(1), 4711), tagged(boot(1), 4812))
    with pytest.raises(UsageError, match=r"--process 5: the trace has no event of it; it has those of pids 4711, 4812"):
        audited(text, options=Options(processes=frozenset({5})))
    with pytest.raises(UsageError, match="it does not name the process"):
        audited(boot(1).text, options=Options(processes=frozenset({5})))


def test_consecutive_boots_have_a_process_each() -> None:
    first, second = (interleaved(tagged(boot(1), process)) for process in (4711, 4812))
    found = audited(first, second)
    assert [(device.name, device.process) for device in found.audit.devices] == [(FLASH0, None), (FLASH1, None)]
    assert found[FLASH1].totals.programs == 2


@pytest.mark.slow
def test_no_machine_goes_on_into_a_trace_of_two() -> None:
    two = interleaved(tagged(boot(1), 4711), tagged(boot(1, 2), 4812))
    with pytest.raises(UsageError, match=r"events of 2 QEMUs \(pids 4711, 4812\).*--process"):
        audited(interleaved(tagged(boot(1), 4700)), two)
    found = audited(interleaved(tagged(boot(1), 4700)), two, options=Options(processes=frozenset({4700, 4812})))
    assert found[FLASH1].totals.programs == 3


@pytest.mark.parametrize("spelling", [f"{FLASH1}@4812", f"{FLASH1} (pid 4812)"])
def test_an_option_means_the_device_of_one_process(spelling: str) -> None:
    text = interleaved(tagged(boot(1), 4711), tagged(boot(1), 4812))
    found = audited(text, options=Options(geometries={spelling: "size=32M"}, read_only=frozenset({f"{FLASH0}@4711"})))
    sizes = {device.name: device.region_bytes for device in found.audit.devices}
    assert (sizes[f"{FLASH1} (pid 4711)"], sizes[f"{FLASH1} (pid 4812)"]) == (64 << 20, 32 << 20)


@pytest.mark.parametrize(
    "options",
    [
        Options(geometries={FLASH1: "size=32M"}),
        Options(extents={FLASH1: EXTENT}),
        Options(read_only=frozenset({FLASH1})),
    ],
    ids=["geometry", "extent", "read-only"],
)
@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
def test_an_option_that_could_mean_two_devices_is_refused(options: Options, chunk_bytes: int) -> None:
    text = interleaved(tagged(boot(1), 4711), tagged(boot(1), 4812))
    with pytest.raises(UsageError, match=r"'virt.flash1 \(pid 4711\)', 'virt.flash1 \(pid 4812\)'; name one of them"):
        audited(text, options=options, chunk_bytes=chunk_bytes)


def test_a_device_is_chosen_in_every_process_or_in_one() -> None:
    text = interleaved(tagged(boot(1), 4711), tagged(boot(1), 4812))

    def names(device: str) -> list[str]:
        return [found.name for found in audited(text, options=Options(device=device)).audit.devices]

    assert names(FLASH1) == [f"{FLASH1} (pid 4711)", f"{FLASH1} (pid 4812)"]
    assert names(f"{FLASH1}@4812") == names(f"{FLASH1} (pid 4812)") == [f"{FLASH1} (pid 4812)"]


# --- where it names threads alone --------------------------------------------------------------------------------


def test_machines_side_by_side_whose_threads_are_certain_are_parted() -> None:
    """The main thread makes the accesses too, as under qtest."""
    traces = {100: by_thread(boot(1), 100), 200: by_thread(boot(1, 2), 200)}
    found = audited(interleaved(*traces.values()))
    for main, lines in traces.items():
        assert figures(found, f"{FLASH1} (pid {main})") == figures(audited(interleaved(lines)), FLASH1)
    assert found[f"{FLASH1} (pid 200)"].verdict == Verdict.WITHIN_EXTENT


@pytest.mark.slow
def test_a_thread_that_came_when_one_machine_ran_is_certain_and_a_later_one_is_not() -> None:
    first, second = by_thread(boot(1, 2), 100, 101), by_thread(boot(3), 200, 201)
    text = interleaved(first, second, order=[0] * 10)
    found = audited(text)
    assert found[f"{FLASH1} (pid 100)"].totals.programs == 2
    assert found[f"{FLASH1} (pid 200)"].totals.programs == 1
    assert {device.verdict for device in found.audit.devices} == {Verdict.INCONCLUSIVE}
    (finding,) = found.findings("TRC008")
    assert "main threads 100, 200; thread 201 may be of either" in finding.message
    assert audited(text, chunk_bytes=50).document == found.document


def test_a_stream_cannot_be_parted_by_threads_and_is_never_called_safe() -> None:
    text = interleaved(by_thread(boot(1), 100), by_thread(boot(1, 2), 200))
    found = audited(text, stream=True)
    assert {device.verdict for device in found.audit.devices} == {Verdict.INCONCLUSIVE}
    assert "give a file" in found.findings("TRC008")[0].message
    assert audited(text, stream=True, chunk_bytes=70).document == found.document


def test_starts_one_after_another_are_one_machine() -> None:
    """As in libvirt's log of a domain: the numbers of an earlier start never come again."""
    starts = [by_thread(boot(number), 100 * number, 100 * number + 1) for number in (1, 2, 3)]
    found = audited("".join(f"{line}\n" for line in chain(*starts)))
    assert [device.name for device in found.audit.devices] == [FLASH0, FLASH1]
    assert found[FLASH1].totals.programs == 3
    assert found[FLASH1].verdict == Verdict.WITHIN_EXTENT


def test_a_reboot_of_the_guest_is_of_the_same_machine() -> None:
    lines = by_thread(boot(1).of(boot(2)), 100, 101)
    found = audited(interleaved(lines))
    assert found[FLASH1].totals.programs == 2
    assert found.findings("TRC008") == []


def test_a_machine_is_chosen_by_its_main_thread() -> None:
    text = interleaved(by_thread(boot(1), 100), by_thread(boot(1, 2), 200))
    found = audited(text, options=Options(processes=frozenset({200})))
    assert [device.name for device in found.audit.devices] == [f"{FLASH0} (pid 200)", f"{FLASH1} (pid 200)"]


@pytest.mark.parametrize(
    "prefix",
    [
        "  qemu-system-aar-{}    [000] ...1.  1567.097509: tracing_mark_write: ",
        "host qemu: {}@1795335978.754485:",
    ],
    ids=["ftrace", "log"],
)
def test_machines_side_by_side_in_every_form_that_names_threads(prefix: str) -> None:
    logs = [[prefix.format(main) + line for line in boot(1).text.splitlines()] for main in (100, 200)]
    found = audited(interleaved(*logs))
    assert [device.name for device in found.audit.devices if "flash1" in device.name] == [
        f"{FLASH1} (pid 100)",
        f"{FLASH1} (pid 200)",
    ]


def test_ftrace_with_the_thread_group_is_certain() -> None:
    head = "  CPU 0/KVM-{}   ( {}) [000] ...1.  1567.097509: tracing_mark_write: "
    logs = [[head.format(main + 7, main) + line for line in boot(1).text.splitlines()] for main in (4711, 4812)]
    found = audited(interleaved(*logs))
    assert found[f"{FLASH1} (pid 4812)"].verdict == Verdict.WITHIN_EXTENT


def test_lines_with_nothing_that_parts_them_are_never_called_safe() -> None:
    found = audited(interleaved(boot(1, 2).text.splitlines(), boot(3, 4).text.splitlines(), order=[0] * 5))
    assert found[FLASH1].verdict == Verdict.INCONCLUSIVE
    assert "two QEMUs in one log" in found.findings("TRC001")[0].why


# --- other formats -----------------------------------------------------------------------------------------------


def two_in_simple(folder: Path) -> Path:
    trace = Simple()
    for process in (4711, 4812):
        trace.event("pflash_reset", FLASH1, thread=process)
    for process, count in ((4711, 1), (4812, 2), (4711, 1)):
        for _ in range(count):
            trace.event("pflash_io_write", FLASH1, 0, 4, 0xFF00FF, 0, thread=process)
            trace.event("pflash_mode_read_array", FLASH1, thread=process)
    path = folder / "two.simple"
    path.write_bytes(trace.data)
    return path


def test_a_simple_trace_of_two_processes(tmp_path: Path) -> None:
    found = audited(two_in_simple(tmp_path))
    assert {device.name: device.totals.writes for device in found.audit.devices} == {
        f"{FLASH1} (pid 4711)": 2,
        f"{FLASH1} (pid 4812)": 2,
    }


@pytest.mark.parametrize("output_format", ["parquet", "log", "simple"])
@pytest.mark.parametrize("kind", ["syslog", "simple", "threads"])
@pytest.mark.first_quick
def test_an_exported_trace_holds_as_many_machines(kind: str, output_format: str, tmp_path: Path) -> None:
    if kind == "simple":
        source = two_in_simple(tmp_path)
    else:
        source = tmp_path / "two.log"
        two = tagged if kind == "syslog" else by_thread
        source.write_text(interleaved(two(boot(1), 4711), two(boot(1, 2), 4812)))
    path = tmp_path / f"exported.{output_format}"
    path.write_bytes(exported(open_trace(str(source)), output_format).data)
    found, original = audited(path), audited(source)
    assert [device.name for device in found.audit.devices] == [device.name for device in original.audit.devices]
    assert [device.totals for device in found.audit.devices] == [device.totals for device in original.audit.devices]
