"""Requests to QEMU's uefi-vars device, from planted logs in the format of its trace events."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.ctf_traces import EPOCH_S, EventType, Packet, needed_babeltrace, write_trace
from tests.tracetool.simple_traces import Order, Simple
from tests.tracetool.traces import reader
from tracetool.ingest import open_trace
from tracetool.ingest.uefi_vars import BY_QEMU, read_requests, request_totals

if TYPE_CHECKING:
    from pathlib import Path

GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"


def set_variable(name: str, status: str = "success", *, transfers: int = 0) -> list[str]:
    """One request by the transfer register, or by DMA without transfers."""
    return [
        "uefi_reg_write addr 0x2, val 0x4, size 2",
        *["uefi_reg_write addr 0x10, val 0x1122334455667788, size 8"] * transfers,
        f"uefi_reg_write addr 0x2, val {'0x3' if transfers else '0x2'}, size 2",
        "uefi_vars_proto_cmd cmd set-variable",
        f"uefi_variable context uefi_vars_mm_set_variable, name {name}, size {2 * len(name) + 2}, uuid {GLOBAL}",
        f"uefi_status context uefi_vars_mm_vars_proto, status {status}",
        "uefi_reg_read addr 0x2, size 2",
    ]


BOOT = [
    "uefi_hard_reset ",
    f"uefi_variable context uefi_vars_set_variable, name SetupMode, size 20, uuid {GLOBAL}",
    "uefi_vars_proto_cmd cmd get-variable",
    f"uefi_variable context uefi_vars_mm_get_variable, name BootOrder, size 20, uuid {GLOBAL}",
    "uefi_status context uefi_vars_mm_vars_proto, status not found",
    *set_variable("BootOrder", transfers=3),
    "uefi_vars_proto_cmd cmd ready-to-boot",
    "uefi_event event ready-to-boot",
    "uefi_status context uefi_vars_mm_vars_proto, status success",
    *set_variable("Attempt 1, twice", "write protected"),
]


def requests(tmp_path: Path, lines: list[str]) -> list[dict[str, object]]:
    path = tmp_path / "trace.log"
    path.write_text("".join(f"{line}\n" for line in lines))
    table, damaged = read_requests([open_trace(str(path))])
    assert damaged == 0
    return table.to_dicts()


def test_each_request_is_told_with_its_variable_answer_and_cost(tmp_path: Path) -> None:
    told = [
        (
            row["operation"],
            row["variable"],
            row["name_bytes"],
            row["outcome"],
            row["accesses"],
            row["transferred_bytes"],
        )
        for row in requests(tmp_path, BOOT)
    ]
    assert told == [
        (BY_QEMU, "SetupMode", 20, None, 0, 0),
        ("get-variable", "BootOrder", 20, "not found", 0, 0),
        ("set-variable", "BootOrder", 20, "success", 6, 24),
        ("ready-to-boot", None, None, "success", 0, 0),
        ("set-variable", "Attempt 1, twice", 34, "write protected", 3, 0),
    ]


def test_a_hard_reset_begins_a_boot(tmp_path: Path) -> None:
    assert [row["boot"] for row in requests(tmp_path, [*BOOT, *BOOT])] == [0] * 5 + [1] * 5


@pytest.mark.parametrize(
    ("prefix", "time_ns"),
    [
        ("4242@1700000000.000123:", 1_700_000_000_000_123_000),
        ("2023-11-14T22:13:20.000123Z ", 1_700_000_000_000_123_000),
        ("qemu-system-x86_64[17]: ", None),
    ],
)
def test_the_forms_of_a_log_are_read(tmp_path: Path, prefix: str, time_ns: int | None) -> None:
    rows = requests(tmp_path, [prefix + line for line in BOOT])
    assert len(rows) == 5
    assert {row["time_ns"] for row in rows} == {time_ns}


def test_lines_of_json_are_read(tmp_path: Path) -> None:
    lines = [f'{{"log":"{line}\\n","stream":"stderr","time":"2023-11-14T22:13:20.5Z"}}' for line in BOOT]
    assert [row["operation"] for row in requests(tmp_path, lines)].count("set-variable") == 2


def recorded(order: Order, lines: list[str]) -> Simple:
    """The events as the simple backend records them, beside those of a flash."""
    trace = Simple(order)
    for line in lines:
        name, _, text = line.partition(" ")
        values = re.findall(r"(?:addr|val|size|context|name|uuid|status|event|cmd) (.*?)(?:$|, (?=[a-z]+ ))", text)
        numbers = name.startswith("uefi_reg")
        trace.event(name, *(int(each, 0) if numbers or each.isdecimal() else each for each in values)).write(0xFF00FF)
    return trace


CTF_TYPES = [
    EventType("qemu:uefi_reg_read", {"addr": "u64", "size": "u32"}),
    EventType("qemu:uefi_reg_write", {"addr": "u64", "val": "u64", "size": "u32"}),
    EventType("qemu:uefi_hard_reset", {}),
    EventType("qemu:uefi_variable", {"context": "str", "name": "str", "size": "u64", "uuid": "str"}),
    EventType("qemu:uefi_status", {"context": "str", "name": "str"}),
    EventType("qemu:uefi_event", {"name": "str"}),
    EventType("qemu:uefi_vars_proto_cmd", {"cmd": "str"}),
    EventType("qemu:uefi_vars_policy_cmd", {"cmd": "str"}),
    EventType("qemu:uefi_vars_security_violation", {"reason": "str"}),
    EventType("qemu:uefi_vars_policy_deny", {"reason": "str"}),
    EventType("qemu:pflash_reset", {"name": "str"}),
]
"""The events as LTTng records them. Ref: QEMU hw/uefi/trace-events, arguments."""


def in_ctf(folder: Path, lines: list[str], order: str) -> str:
    """The events of a log as a CTF trace, beside those of a flash."""
    names = [event.name.removeprefix("qemu:") for event in CTF_TYPES]
    events: list[tuple[int, int, list[int | str]]] = []
    for time, line in enumerate(lines):
        name, _, text = line.partition(" ")
        values = re.findall(
            r"(?:addr|val|size|context|name|uuid|status|event|cmd|reason) (.*?)(?:$|, (?=[a-z]+ ))", text
        )
        numbers = name.startswith("uefi_reg")
        typed = [int(each, 0) if numbers or each.isdecimal() else each for each in values]
        events += [(names.index(name), 1000 * time, typed), (len(names) - 1, 1000 * time, ["virt.flash1"])]
    return write_trace(folder, CTF_TYPES, [[Packet(events)]], order=order)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_ctf_trace_has_the_same_requests(tmp_path: Path, order: str) -> None:
    needed_babeltrace()
    lines = [*BOOT, "uefi_vars_policy_cmd cmd lock", "uefi_vars_policy_deny reason locked"]
    lines += ["uefi_vars_security_violation reason pcr"]
    table, damaged = read_requests([open_trace(in_ctf(tmp_path / "ctf", lines, order))])
    apart = {"line", "time_ns", "duration_ns"}
    assert damaged == 0
    assert [{key: row[key] for key in row.keys() - apart} for row in table.to_dicts()] == [
        {key: row[key] for key in row.keys() - apart} for row in requests(tmp_path, lines)
    ]
    assert table["time_ns"].to_list() == sorted(table["time_ns"].to_list())
    assert table["time_ns"][0] == EPOCH_S * 10**9 + 1000
    assert table["duration_ns"][-1] == 2000
    assert table["line"][0] == 3


def test_a_ctf_event_with_other_arguments_is_damage_and_another_device_is_none_of_ours(tmp_path: Path) -> None:
    needed_babeltrace()
    types = [
        EventType("qemu:uefi_event", {"name": "str"}),
        EventType("qemu:uefi_status", {"name": "u32"}),
        EventType("qemu:uefi_rubbish", {"name": "str"}),
    ]
    events: list[tuple[int, int, list[int | str]]] = [(0, 0, ["ready-to-boot"]), (1, 1, [7]), (2, 2, ["x"])]
    table, damaged = read_requests([open_trace(write_trace(tmp_path / "ctf", types, [[Packet(events)]]))])
    assert (table["operation"].to_list(), damaged) == (["ready-to-boot"], 1)


def test_more_names_than_a_block_has_words_for_are_all_told(tmp_path: Path) -> None:
    needed_babeltrace()
    lines = [line for number in range(700) for line in set_variable(f"Attempt {number}")]
    table, damaged = read_requests([open_trace(in_ctf(tmp_path / "ctf", lines, "<"))])
    assert damaged == 0
    assert table["variable"].to_list() == [f"Attempt {number}" for number in range(700)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_records_of_the_simple_backend_are_the_same_requests(tmp_path: Path, order: Order) -> None:
    path = tmp_path / "trace"
    path.write_bytes(recorded(order, BOOT).data)
    table, damaged = read_requests([open_trace(str(path))])
    apart = {"line", "time_ns", "duration_ns"}
    assert damaged == 0
    assert [{key: row[key] for key in row.keys() - apart} for row in table.to_dicts()] == [
        {key: row[key] for key in row.keys() - apart} for row in requests(tmp_path, BOOT)
    ]


def test_damage_among_records_costs_what_it_hits(tmp_path: Path) -> None:
    trace, rest = recorded("<", BOOT), recorded("<", BOOT)
    path = tmp_path / "trace"
    path.write_bytes(trace.data + b"\xff" * 64 + rest.data[24:] + rest.data[24:40])
    assert read_requests([open_trace(str(path))])[0].height == 10
    path.write_bytes(Simple().mapping("uefi_event").record(0, b"\xff\xff\0\0abc").data)
    assert read_requests([open_trace(str(path))])[1] == 1


def test_a_refusal_by_policy_says_why(tmp_path: Path) -> None:
    lines = set_variable("Locked", "write protected")
    lines.insert(-2, "uefi_vars_policy_deny reason locked")
    assert requests(tmp_path, lines)[0]["outcome"] == "locked, write protected"


def test_what_is_no_event_of_the_device_is_passed_over_and_damage_is_counted() -> None:
    lines = [
        *BOOT,
        "uefi_variable context uefi_vars_mm_get_variable, name Boot",
        "uefi_rubbish",
        "no uefi_event here x",
    ]
    table, damaged = read_requests([reader("".join(f"{line}\n" for line in lines), stream=True)])
    assert (table.height, damaged) == (5, 2)


def test_the_totals_count_reads_writes_and_refusals(tmp_path: Path) -> None:
    path = tmp_path / "trace.log"
    path.write_text("".join(f"{line}\n" for line in BOOT))
    totals = request_totals(read_requests([open_trace(str(path))])[0])
    assert totals.select("variable", "reads", "writes", "refused").rows() == [
        ("Attempt 1, twice", 0, 1, 1),
        ("BootOrder", 1, 1, 0),
        ("SetupMode", 0, 1, 0),
    ]
