"""A trace that says itself that lines are missing is never called complete."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.captures import case_path
from tests.tracetool.cli.program import FIRST_BOOT
from tests.tracetool.ingest.support import SCANNERS, read_text
from tests.tracetool.ingest.test_text import WRITE
from tracetool.compression import zstd
from tracetool.ingest.loss_patterns import loss_table, read_loss

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick
    from tracetool.ingest.scanner import TextScanner

TABLE = [pytest.param(entry, id=entry["example"][:50]) for entry in loss_table()]

VARIANTS = {
    "Nov 22 08:47:19 host systemd-journald[301]: Suppressed 1 message from session-2.scope": 1,
    "Suppressed 917 messages from /": 917,
    "systemd-journald[301]: Missed 3 kernel messages": 3,
    "rsyslogd-2177: imuxsock[pid 29156]: begin to drop messages due to rate-limiting": 0,
    "rsyslogd: imuxsock begins to drop messages from pid 4711 due to rate-limiting": 0,
    "rsyslogd: imtcp from <h>: 236 messages lost due to rate-limiting (1 allowed within 5 seconds)": 236,
    "WARNING: Number of errors: 0, skipped probes: 82": 82,
    "WARNING: There were 1 transport failures.": 1,
    "[  111.1] ** 127 printk messages dropped ** ": 127,
    "printk: 21 messages suppressed.": 21,
    "2024-06-06T10:26:40.747576+08:00 kernel: net_ratelimit: 6 callbacks suppressed": 6,
    "\x1b[33mWARNING: Tracer discarded 1 event between [1.0] and [2.0]": 1,
    "WARNING: Tracer discarded 3 packets between [1.0] and [2.0]": 0,
    "WARNING: Tracer may have discarded events between [1.0] and [2.0]": 0,
    "CPU:12 [LOST EVENTS]": 0,
    "\tdropped events: 14": 14,
    "Nov 22 08:47:19 host trace-cmd[301]: overrun: 12": 12,
    "2026-11-22T08:26:18.754485Z stderr F dropped events: 3": 3,
    "2026-11-22T08:26:18.754485Z # entries-in-buffer/entries-written: 80/84   #P:2": 4,
    "MARK 0.000000 Lost 12 events.": 12,
    "fluent-bit: 300 records have been discarded": 300,
    "dropping 8 log messages": 8,
}
HARMLESS = [
    "WARNING: Number of errors: 0, skipped probes: 0",
    "overrun: 0",
    "dropped events: 0",
    "syslog-ng[8]: Log statistics; dropped='dst.file(d#0)=0', dropped='dst.file(e#0)=0'",
    "[   12.345678] net_ratelimit: 35 callbacks suppressed",
    "# entries-in-buffer/entries-written: 84/84   #P:2",
    "eth0: 12 packets dropped",
    "eth0 rx overrun: 3",
    "BdsDxe: failed to load Boot0001: Not Found",
    "lost+found",
]


@pytest.mark.parametrize("entry", TABLE)
def test_each_line_of_the_table_reports_a_loss_with_its_number(entry: dict[str, Any]) -> None:
    assert read_loss(entry["example"]) == entry["lost"]
    assert read_loss(f"Nov 22 08:47:19 host x[1]: {entry['example']}") == entry["lost"] or "^" in entry["pattern"]


@pytest.mark.parametrize(("line", "lost"), VARIANTS.items())
def test_other_lines_of_each_kind_report_theirs(line: str, lost: int) -> None:
    assert read_loss(line) == lost


@pytest.mark.parametrize("line", HARMLESS)
def test_lines_that_report_nothing_lost_report_no_loss(line: str) -> None:
    assert read_loss(line) is None


@SCANNERS
def test_a_loss_is_placed_before_the_event_that_follows_it(scanner: type[TextScanner]) -> None:
    lines = [WRITE, *VARIANTS, WRITE]
    data = "\n".join([*lines, ""]).encode()
    for reading in (read_text(data), read_text(data, scanner=scanner)):
        health = reading.health
        assert health.lost == sum(VARIANTS.values())
        assert [(place.number, place.seq, place.count) for place in health.lost_places] == [
            (number, 1, lost) for number, lost in enumerate(VARIANTS.values(), 2)
        ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("eth0: 12 packets dropped", ""),
        ("systemd-journald[301]: Suppressed 15 messages from vm.service", "15 events lost"),
        ("rsyslogd: imjournal: begin to drop messages due to rate-limiting", "an unknown number of events lost"),
        ("[output clipped, log limit 2MiB reached]", "an unknown number of events lost"),
        ("CPU:1 [LOST 7 EVENTS]\nCPU:1 [EVENTS DROPPED]", "at least 7 events lost"),
    ],
)
def test_a_log_that_says_that_lines_are_missing_is_inconclusive(
    line: str, says: str, tmp_path: Path, quick: Quick
) -> None:
    log = zstd.decompress(FIRST_BOOT.read_bytes()).decode()
    path = tmp_path / "lossy.log"
    path.write_text(f"{log}{line}\n")
    ended = quick("audit", path, "--extent", "768K", "--format", "json")
    report = json.loads(ended.out)
    messages = [finding["message"] for finding in report["findings"] if finding["rule"] == "TRC002"]
    if says:
        assert ended.code == 4
        assert [says in message for message in messages] == [True]
    else:
        assert (ended.code, messages) == (0, [])


@pytest.mark.slow
def test_what_journald_suppressed_makes_the_verdict_inconclusive(tmp_path: Path, quick: Quick) -> None:
    data = zstd.decompress(case_path("journald-suppressed.log.zst").read_bytes())
    rsyslog = data.replace(
        b"systemd-journald[301]: Suppressed 15 messages from vm.service",
        b"rsyslogd: imjournal: 15 messages lost due to rate-limiting (20000 allowed within 600 seconds)",
    )
    assert rsyslog != data
    for text in (data, rsyslog):
        path = tmp_path / "journal.log"
        path.write_bytes(text)
        ended = quick("audit", path, "--format", "json")
        report = json.loads(ended.out)
        assert (ended.code, report["health"]["lost"]) == (4, 15)
        assert "TRC002" in {finding["rule"] for finding in report["findings"]}


@pytest.mark.parametrize(
    "head", ["CPU:1 [LOST 12 EVENTS]", "systemd-journald[301]: Suppressed 12 messages from vm.service\r"]
)
def test_a_loss_before_an_event_in_its_line_counts(head: str) -> None:
    reading = read_text(f"{WRITE}\n{head}{WRITE}\n{WRITE}\n".encode())
    assert reading.frame.height == 3
    assert reading.health.lost == 12
    assert [place.seq for place in reading.health.lost_places] == [1]


def test_losses_are_in_the_order_of_their_lines() -> None:
    """A loss before an event on its own line is noted last."""
    reading = read_text(f"{WRITE}\nCPU:1 [LOST 12 EVENTS]{WRITE}\nCPU:1 [LOST 7 EVENTS]\n{WRITE}\n".encode())
    assert [(place.number, place.seq, place.count) for place in reading.health.lost_places] == [(1, 1, 12), (3, 2, 7)]
