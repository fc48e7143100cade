"""The plugin's log is read, and what is damaged in it is counted."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracetool.who.captures import recorded
from tracetool.who.log import read_who_log

HEAD = b"V 1 target=aarch64 api=0..1\nI 1100 1000 2000 PE aa64 10 00ff -\nC 0 1100,1200\n"
ROW = b"A 0 w 4 virt.flash1 4000000 4000000 0\n"
END = b"S accesses=1 chains=1 lost=0\n"


def test_a_recorded_log_is_read_whole() -> None:
    log = read_who_log(recorded("who.log.zst"))
    assert (log.accesses.height, len(log.chains), log.target) == (8972, 1207, "aarch64")
    assert log.complete
    assert not log.damaged
    assert log.accesses.row(0) == (6, 0, True, 8, "virt.flash0", 0x1CB20, 0)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"A",
        b"A 0 w 4 virt.flash1 4000000 4000000 7\n",
        b"A 0 x 4 virt.flash1 4000000 4000000 0\n",
        b"A 0 w 3 virt.flash1 4000000 4000000 0\n",
        b"A 0 w 4 virt.flash1 zz 4000000 0\n",
        b"A 0 w 4 virt.flash1 4000000 4000000 0 0\n",
        b"A -1 w 4 virt.flash1 4000000 4000000 0\n",
        b"A 0 w 4 virt.flash1 ffffffffffffffff 0 0\n",
        b"C 1\n",
        b"C x 1100\n",
        b"C 1 -1\n",
        b"C 1 " + b",".join([b"1000"] * 1000) + b"\n",
        b"I 1100 1000 0 PE aa64 10 00ff -\n",
        b"I 1100 1000 ffffffffffff PE aa64 10 00ff -\n",
        b"I 1100 1000 2000 ELF aa64 10 00ff -\n",
        b"I 1100\n",
        b"V 1\n",
        b"S lost=0\n",
        b"Z what is this\n",
        b"\xff\xfe\x00\n",
        b"\x1b]0;title\x07\n",
    ],
)
def test_a_damaged_line_is_counted_and_left_out(line: bytes) -> None:
    log = read_who_log(HEAD + ROW + (line.rstrip(b"\n") + b"\n") + END)
    assert (log.damaged, log.first_damage) == (1, 5)
    assert log.accesses.height == 1
    assert not log.complete


@pytest.mark.parametrize(
    ("data", "complete"),
    [
        (HEAD + ROW + END, True),
        (HEAD + ROW, False),
        (HEAD + ROW + END[:-1], False),
        (HEAD + ROW + ROW[:-9], False),
        (HEAD + ROW + b"S accesses=2 chains=1 lost=1\n", False),
        (HEAD + ROW + b"S accesses=2 chains=1 lost=0\n", False),
        (b"", False),
    ],
)
def test_a_log_that_was_cut_is_not_complete(data: bytes, complete: bool) -> None:
    log = read_who_log(data)
    assert log.complete is complete
    assert not log.damaged
    assert log.accesses.height == data.count(b"A 0 w") - data.endswith(ROW[:-9])


def test_an_image_holds_until_another_covers_it() -> None:
    log = read_who_log(HEAD + ROW + b"I 1200 1200 100 PE aa64 20 00ff x.dll\n" + ROW)
    first, second = log.accesses["line"]
    assert [log.image_at(0x1200, line).entry for line in (first, second)] == [0x10, 0x20]  # type: ignore[union-attr]
    assert log.image_at(0x1100, second).entry == 0x10  # type: ignore[union-attr]
    assert log.image_at(0x3000, second) is None
    assert list(log.moments(0)) == [0, 5]


@given(st.integers(0, 2**32))
def test_any_bytes_are_read(seed: int) -> None:
    chosen = random.Random(seed)  # noqa: S311  reproducible, not secret
    data = bytearray(HEAD + 3 * ROW + END)
    for _ in range(chosen.randint(1, 8)):
        data[chosen.randrange(len(data))] = chosen.randrange(256)
    log = read_who_log(bytes(data))
    assert log.accesses.height <= 3
    assert set(log.accesses["chain"]) <= set(log.chains)


@pytest.mark.slow
def test_a_log_of_many_chains_is_read() -> None:
    rows = b"".join(b"C %d %x,1\nA 0 w 4 virt.flash1 4000000 0 %d\n" % (n, 0x1000 + n, n) for n in range(1, 100_000))
    log = read_who_log(HEAD + rows)
    assert log.accesses.height == len(log.chains) - 1 == 99_999
