"""Logs of JSON lines read as the text in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.captures import case_path
from tests.tracetool.cli.program import PADDING
from tests.tracetool.ingest.support import PLAIN_SCANNER, collect, read_text
from tests.tracetool.ingest.test_properties import EVENTS, mutated
from tests.tracetool.ingest.test_text import WRITE
from tracetool.errors import InputError
from tracetool.ingest import LostPlace, open_trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tracetool.cli.program import Quick

WALL = 1795335978754485000


def docker(text: str, **others: object) -> str:
    return json.dumps({"log": text + "\n", "stream": "stderr", "time": "2026-11-22T08:26:18.754485Z"} | others)


def compact(text: str) -> str:
    return json.dumps({"log": text + "\r\n", "stream": "stdout"}, separators=(",", ":"))


def journal(text: str, **others: object) -> str:
    entry: dict[str, object] = {
        "__CURSOR": "s=1;i=2",
        "_PID": "2976",
        "SYSLOG_IDENTIFIER": "qemu-system-aarch64",
        "__REALTIME_TIMESTAMP": "1795335978754485",
        "MESSAGE": text,
        "PRIORITY": "6",
    }
    return json.dumps(entry | others)


def octets(text: str) -> str:
    return journal(text, MESSAGE=list(f"\x1b[32m{text}\x1b[0m".encode()))


def kubevirt(text: str) -> str:
    entry = {"component": "virt-launcher", "level": "info", "msg": text, "subcomponent": "qemu"}
    return json.dumps(entry | {"timestamp": "2026-11-22T08:26:18.754485Z"})


def fluent_bit(text: str) -> str:
    return json.dumps({"date": 1795335978.754485, "logtag": "F", "stream": "stderr", "log": text})


def milliseconds(text: str) -> str:
    return json.dumps({"ts": 1795335978754, "pid": 7, "message": text})


def nested(text: str) -> str:
    return docker(kubevirt(text))


FORMS: dict[str, tuple[Callable[[str], str], int | None, int | None]] = {
    "docker": (docker, None, WALL),
    "compact": (compact, None, None),
    "journalctl": (journal, 2976, WALL),
    "bytes": (octets, 2976, WALL),
    "json-sse": (lambda text: f"data: {journal(text)}", 2976, WALL),
    "json-seq": (lambda text: f"\x1e{journal(text)}", 2976, WALL),
    "kubevirt": (kubevirt, None, WALL),
    "fluent-bit": (fluent_bit, None, WALL),
    "milliseconds": (milliseconds, 7, WALL - 485000),
    "nested": (nested, None, WALL),
    "kubectl --timestamps": (lambda text: f"2026-11-22T08:26:18.754485Z {compact(text)}", None, WALL),
    "engine's pid": (lambda text: journal(text, CONTAINER_ID="5f2"), None, WALL),
}

OF_WRAPPERS = ("time_ns", "thread", "process")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("end", ["", "\n"])
def test_each_form_gives_the_event_with_the_time_and_process_of_its_wrapper(form: str, end: str) -> None:
    wrap, thread, time_ns = FORMS[form]
    reading = read_text(f"{wrap('pflash_reset virt.flash1: reset')}\n{wrap('x')}\n{wrap(WRITE)}{end}".encode())
    plain = read_text(f"pflash_reset virt.flash1: reset\nx\n{WRITE}{end}".encode())
    assert_frame_equal(reading.frame.drop(OF_WRAPPERS), plain.frame.drop(OF_WRAPPERS), categorical_as_str=True)
    assert reading.health == plain.health
    assert reading.frame["thread"].to_list() == reading.frame["process"].to_list() == [thread] * 2
    assert reading.frame["time_ns"].to_list() == [time_ns] * 2


def test_an_event_that_knows_its_time_and_thread_keeps_them() -> None:
    (row,) = read_text(f"{journal(f'7@2.000003:{WRITE}')}\n".encode()).rows
    assert (row["process"], row["thread"], row["time_ns"]) == (2976, 7, 2_000_003_000)


@given(st.lists(st.sampled_from(EVENTS) | st.text(max_size=9), max_size=6), st.sampled_from(list(FORMS)))
def test_any_lines_read_as_they_do_unwrapped(lines: list[str], form: str) -> None:
    lines = [line for line in lines if not set(line) & set("\n\r\x1b{}")]
    reading = read_text("".join(f"{FORMS[form][0](line)}\n" for line in lines).encode())
    plain = read_text("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
    assert_frame_equal(reading.frame.drop(OF_WRAPPERS), plain.frame.drop(OF_WRAPPERS), categorical_as_str=True)
    assert (reading.health.other, reading.health.damaged) == (plain.health.other, plain.health.damaged)


def test_a_message_of_several_lines_counts_once_and_gives_all_its_events() -> None:
    texts = [f"{WRITE}\n{WRITE}\nx", f"{WRITE}\npflash_io_w"]
    health = read_text("".join(f"{journal(text)}\n" for text in texts).encode()).health
    assert (health.lines, health.understood, health.damaged, health.events) == (2, 1, 1, 3)


@pytest.mark.parametrize("chunk_bytes", [1000, 1 << 20])
def test_a_line_that_docker_split_is_joined(chunk_bytes: int) -> None:
    long = "guest output without newline " * 600
    entries = [
        json.dumps({"log": long[:16384], "stream": "stderr"}),
        docker(WRITE, stream="stdout"),
        json.dumps({"log": long[16384:] + "y" * 9000 + WRITE, "stream": "stderr"}),
    ]
    reading = read_text("".join(f"{entry}\n" for entry in entries).encode(), chunk_bytes=chunk_bytes)
    assert (reading.health.events, reading.health.damaged, reading.health.lines) == (2, 0, 3)


def test_a_split_line_in_the_middle_of_an_event_is_joined() -> None:
    text = "x" * (16384 - 30) + WRITE
    entries = [
        json.dumps({"log": text[:16384], "stream": "s"}),
        json.dumps({"log": text[16384:] + "\n", "stream": "s"}),
    ]
    health = read_text("".join(f"{entry}\n" for entry in entries).encode()).health
    assert (health.events, health.damaged) == (1, 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (docker(WRITE)[:40], "not a whole JSON object"),
        ('{"', "not a whole JSON object"),
        (docker("x")[:20] + docker(WRITE), "not a whole JSON object"),
        (docker(WRITE)[30:], "JSON object without its beginning"),
        ('ue\\n","stream":"stderr","time":"2026-11-22T08:26:18Z"}', "JSON object without its beginning"),
        (journal("", MESSAGE=None), "its text was left out; journalctl --all shows it"),
        (docker("pflash_io_write virt"), "arguments do not match the event"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_what_is_no_whole_object_is_damage(line: str, reason: str, *, first: bool) -> None:
    lines = [line, docker(WRITE)] if first else [docker(WRITE), line]
    if first and reason.startswith("not a whole"):
        lines = [docker(WRITE), *lines]  # nothing told that it is a log of such lines
    health = read_text("".join(f"{each}\n" for each in lines).encode()).health
    assert (health.damaged, health.first_damaged[0].reason) == (1, reason)


@pytest.mark.parametrize(
    "line",
    [
        '{"QMP": {"version": {"qemu": {"micro": 0}}}}',
        '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "RESET", "data": {"guest": true}}',
        '{"log": {"level": "info"}, "msg": 7}',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"log": "x", "time": "9999-99-99T99:99:99Z", "pid": "٣"}',
        '{"log": "x", "time": 1e400, "_PID": -1}',
    ],
)
def test_other_objects_are_other_text(line: str) -> None:
    health = read_text(f"{line}\n{WRITE}\n".encode()).health
    assert (health.other, health.understood, health.damaged) == (1, 1, 0)


def test_losses_and_folded_lines_in_the_texts_count() -> None:
    lines = [journal(WRITE), journal("message repeated 2 times: [ pflash_reset f: reset]")]
    lines.append(journal("Suppressed 15 messages from vm.service", SYSLOG_IDENTIFIER="systemd-journald"))
    health = read_text("".join(f"{line}\n" for line in lines).encode()).health
    assert (health.events, health.lost, health.lost_places) == (3, 15, [LostPlace(3, 3, 15)])


@given(mutated(), st.lists(st.sampled_from(list(FORMS)), min_size=1), st.integers(1, 300), st.data())
@pytest.mark.slow
def test_damaged_wrappers_are_counted_alike_whatever_the_chunks(
    text: bytes, forms: list[str], chunk_bytes: int, data: st.DataObject
) -> None:
    lines = [FORMS[form][0](line) for form, line in zip(forms, text.decode("latin-1").split("\n"), strict=False)]
    wrapped = "\n".join(lines).encode()
    at = data.draw(st.integers(0, len(wrapped)))
    wrapped = wrapped[:at] + data.draw(st.sampled_from([b"", b"\n", b'"', b"{", b"\\"])) + wrapped[at + 1 :]
    whole = read_text(wrapped)
    for reading in (
        read_text(wrapped, chunk_bytes=chunk_bytes),
        read_text(wrapped, scanner=PLAIN_SCANNER),
    ):
        assert_frame_equal(reading.frame, whole.frame, categorical_as_str=True)
        assert reading.health == whole.health


def test_a_log_of_docker_reads_as_the_log_it_was_made_from(quick: Quick) -> None:
    path = case_path("docker-json.log.zst")
    reading, plain = collect(open_trace(str(path))), collect(open_trace(str(PADDING)))
    assert_frame_equal(
        reading.frame.drop("time_ns", "thread"), plain.frame.drop("time_ns", "thread"), categorical_as_str=True
    )
    assert reading.health == plain.health
    ended, expected = (quick("audit", trace, "--extent", "768K", "--format", "json") for trace in (path, PADDING))
    assert ended.code == expected.code == 1
    assert json.loads(ended.out)["devices"] == json.loads(expected.out)["devices"]


def of_container(text: str, name: str) -> str:
    return journal(text, CONTAINER_ID="4f2a", CONTAINER_NAME=name, _PID="812")


def of_pod(text: str, name: str) -> str:
    return json.dumps({"log": text, "kubernetes": {"pod_name": name}})


def of_host(text: str, name: str) -> str:
    return journal(text, _HOSTNAME=name)


@pytest.mark.parametrize("form", [of_container, of_pod, of_host])
def test_events_of_two_containers_or_hosts_are_never_one_machine(form: Callable[[str, str], str]) -> None:
    assert read_text(f"{form(WRITE, 'vm-a')}\n".encode() * 3).frame.height == 3
    with pytest.raises(InputError, match="holds events of vm-a and vm-b, two QEMUs; give a log of each"):
        read_text("".join(f"{form(WRITE, name)}\n" for name in ("vm-a", "vm-b", "vm-a")).encode())
