"""Every line of the flash's write tables: writes, and their expected events and effects."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from replay.behaviour import Behaviour
from replay.columns import ABSENT, ABSENT_COUNTER, Effect, RowKind
from tests.replay.programs import ABORT, FLUSH, READ_ARRAY, RESET, erased, said, staged, stored, valued, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.replay.programs import Event

__all__ = ["BLOCK", "IMAGE_BYTE", "SEQUENCES", "Sequence", "Step", "events_of"]

DIRECT = (Behaviour.DIRECT,)
AT_COUNT = (Behaviour.STAGED_AT_COUNT,)
AT_DATA = (Behaviour.STAGED_AT_DATA,)
STAGED = AT_COUNT + AT_DATA
ANY = DIRECT + STAGED
READ_ONLY = True
WRITABLE = False

BLOCK = 0x2000
WINDOW = 0x1000
IMAGE_BYTE = 0xA5
"""What the flash holds before, everywhere."""

NONE = (Effect.NONE, ABSENT, 0)


class Step(NamedTuple):
    """One bus write of four bytes, the events it logs, and the state and effect after it."""

    offset: int
    value: int
    inner: tuple[Event, ...]
    cmd: int
    wcycle: int
    status: int = 0x80
    effect: tuple[Effect, int, int] = NONE


class Sequence(NamedTuple):
    """Writes after a reset; `storage` and `backing` are the expected differences from the image."""

    name: str
    behaviours: tuple[Behaviour, ...]
    read_only: bool
    steps: tuple[Step, ...]
    storage: Mapping[int, bytes] = MappingProxyType({})
    backing: Mapping[int, bytes] | None = None
    """None: the same as `storage`."""


def events_of(sequence: Sequence) -> list[Event]:
    """Trace of a sequence."""
    events = [RESET]
    wcycle = 0
    for step in sequence.steps:
        events += [write(step.offset, step.value, wcycle=wcycle), *step.inner]
        wcycle = step.wcycle
    return events


def _program(offset: int, length: int = 4) -> tuple[Effect, int, int]:
    return Effect.PROGRAM, offset, length


def _refused(offset: int, length: int = 4) -> tuple[Effect, int, int]:
    return Effect.REFUSED, offset, length


def _stage(offset: int) -> tuple[Effect, int, int]:
    return Effect.STAGE, offset, 4


def _opened(count: int) -> Event:
    return valued(RowKind.WRITE_BLOCK_START, count)


FINISHED = said("block write finished")
BUFFERED = Step(0, 0x00E800E8, (said("write to buffer"),), 0xE8, 1)
STATUS = Step(0, 0x00700070, (said("read status register"),), 0x70, 0)
ERASE = Step(BLOCK + 0x10, 0x00200020, (erased(BLOCK, BLOCK),), 0x20, 1, effect=(Effect.ERASE, BLOCK, BLOCK))
ERASED = {BLOCK: b"\xff" * BLOCK}
ERASE_REFUSED = ERASE._replace(status=0xA0, effect=(Effect.REFUSED, BLOCK, BLOCK))
LOCK = Step(0, 0x60, (said("block unlock"),), 0x60, 1)
QUERY = Step(0x154, 0x98, (said("CFI query"),), 0x98, 1)
PROGRAM = Step(0x200, 0x40, (said("single byte program (0)"),), 0x40, 1)
CLEAR = Step(0, 0x50, (said("clear status bits"), READ_ARRAY), 0, 0, 0)


def _programs(command: int) -> tuple[Step, Step]:
    setup = PROGRAM._replace(value=command << 16 | command, cmd=command)
    event = stored(0x204, 0x11223344, counter=0)
    data = Step(0x204, 0x11223344, (said("single byte program (1)"), event), command, 0, effect=_program(0x204))
    return setup, data


def _refused_program(command: int) -> tuple[Step, Step]:
    setup, data = _programs(command)
    return setup, data._replace(inner=data.inner[:1], status=0x90, effect=_refused(0x204))


W0, W1 = 0x11223344, 0x55667788
B0, B1 = W0.to_bytes(4, "little"), W1.to_bytes(4, "little")


def _direct_words(at: int) -> tuple[Step, ...]:
    return (
        BUFFERED,
        Step(at, 1, (valued(RowKind.WRITE_BLOCK, 1),), 0xE8, 2),
        Step(at, W0, (stored(at, W0, counter=1),), 0xE8, 2, effect=_program(at)),
        Step(at + 4, W1, (stored(at + 4, W1, counter=0), FINISHED), 0xE8, 3, effect=_program(at + 4)),
    )


def _count_words(at: int) -> tuple[Step, ...]:
    return (
        BUFFERED,
        Step(at, 1, (_opened(1),), 0xE8, 2),
        Step(at, W0, (staged(at, W0, 1),), 0xE8, 2, effect=_stage(at)),
        Step(at + 4, W1, (staged(at + 4, W1, 0), FINISHED), 0xE8, 3, effect=_stage(at + 4)),
    )


def _data_words(at: int) -> tuple[Step, ...]:
    return (
        BUFFERED,
        Step(at, 1, (), 0xE8, 2),
        Step(at, W0, (_opened(1), staged(at, W0, 1)), 0xE8, 2, effect=_stage(at)),
        Step(at + 4, W1, (staged(at + 4, W1, 0), FINISHED), 0xE8, 3, effect=_stage(at + 4)),
    )


def _flushed(at: int, length: int = 8) -> Step:
    return Step(0, 0x00D000D0, (FLUSH,), 0xE8, 0, effect=(Effect.FLUSH, at, length))


def _dropped(at: int, length: int, status: int = 0x90, confirm: int = 0xD0) -> Step:
    return Step(0, confirm, (ABORT, READ_ARRAY), 0, 0, status, (Effect.DROP, at, length))


# Words of which each lies past the window that the first opened.
_TOO_FAR = (
    Step(WINDOW, W1, (FINISHED,), 0xE8, 3, 0x90, _refused(WINDOW)),
    _dropped(0xFF8, 4),
)

SEQUENCES = [
    *(
        Sequence(name, ANY, read_only, (STATUS, Step(8, value, inner, 0, 0)))
        for read_only in (WRITABLE, True)
        for name, value, inner in (
            ("read array", 0x00FF00FF, (said("read array mode"), READ_ARRAY)),
            ("AMD reset", 0xF0, (said("probe for AMD flash"), READ_ARRAY)),
            ("0x00 is read array too", 0, (READ_ARRAY,)),
            ("no command", 0x123455, (READ_ARRAY,)),
            ("0x28 is no command", 0x28, (READ_ARRAY,)),
            ("a confirm is no command", 0xD0, (READ_ARRAY,)),
        )
    ),
    Sequence("program", ANY, WRITABLE, _programs(0x40), {0x204: B0}),
    Sequence("alternate program", ANY, WRITABLE, _programs(0x10), {0x204: B0}),
    Sequence("program on a read-only flash", ANY, READ_ONLY, _refused_program(0x40)),
    Sequence("alternate program on a read-only flash", ANY, READ_ONLY, _refused_program(0x10)),
    Sequence(
        "a program does not AND",
        ANY,
        WRITABLE,
        (
            *_programs(0x40),
            PROGRAM,
            Step(
                0x204,
                0xFFFFFFFF,
                (said("single byte program (1)"), stored(0x204, 0xFFFFFFFF, counter=0)),
                0x40,
                0,
                effect=_program(0x204),
            ),
        ),
        {0x204: b"\xff" * 4},
    ),
    Sequence("erase", ANY, WRITABLE, (ERASE, Step(0, 0x00D000D0, (), 0x20, 0)), ERASED),
    Sequence("erase without a confirm", ANY, WRITABLE, (ERASE, Step(0, 0xFF, (READ_ARRAY,), 0, 0)), ERASED),
    Sequence("erase alone", ANY, WRITABLE, (ERASE,), ERASED),
    Sequence("erase on a read-only flash", ANY, READ_ONLY, (ERASE_REFUSED, Step(0, 0xD0, (), 0x20, 0, 0xA0))),
    Sequence(
        "erase without a confirm on a read-only flash",
        ANY,
        READ_ONLY,
        (ERASE_REFUSED, Step(0, 0x70, (READ_ARRAY,), 0, 0, 0xA0)),
    ),
    Sequence("clear status", ANY, WRITABLE, (CLEAR, STATUS._replace(status=0))),
    Sequence("clear an error", ANY, READ_ONLY, (*_refused_program(0x40), CLEAR)),
    Sequence("erase makes ready", ANY, WRITABLE, (CLEAR, ERASE), ERASED),
    Sequence("a buffered write makes ready", ANY, WRITABLE, (CLEAR, BUFFERED)),
    Sequence(
        "lock setup does not make ready, its confirm does",
        ANY,
        WRITABLE,
        (CLEAR, LOCK._replace(status=0), Step(0, 0xD0, (), 0x60, 0)),
    ),
    Sequence("unlock", ANY, WRITABLE, (LOCK, Step(0, 0x00D000D0, (), 0x60, 0))),
    Sequence("lock", ANY, WRITABLE, (LOCK, Step(0, 0x00010001, (), 0x60, 0))),
    Sequence("leave lock", ANY, WRITABLE, (LOCK, Step(0, 0xFF, (READ_ARRAY,), 0, 0))),
    Sequence(
        "unknown lock", ANY, WRITABLE, (LOCK, Step(0, 0x2F, (said("unknown (un)locking command"), READ_ARRAY), 0, 0))
    ),
    Sequence("identify", ANY, WRITABLE, (Step(0, 0x90, (said("read device information"),), 0x90, 0), STATUS)),
    Sequence("leave query", ANY, WRITABLE, (QUERY, Step(0, 0xFF, (READ_ARRAY,), 0, 0))),
    Sequence(
        "query stays",
        ANY,
        WRITABLE,
        (QUERY, *[Step(0, value, (said("leaving query mode"),), 0x98, 1) for value in (0xF0, 0x70, 0)]),
    ),
    # Buffered writes, `direct`.
    Sequence("write", DIRECT, WRITABLE, (*_direct_words(0x300), Step(0, 0xD0, (), 0xE8, 0)), {0x300: B0 + B1}),
    Sequence(
        "write not confirmed",
        DIRECT,
        WRITABLE,
        (*_direct_words(0x300), Step(0, 0x70, (READ_ARRAY,), 0, 0)),
        {0x300: B0 + B1},
    ),
    Sequence("write not finished", DIRECT, WRITABLE, _direct_words(0x300)[:3], {0x300: B0}, {}),
    Sequence(
        "a last word in another window writes back around itself only",
        DIRECT,
        WRITABLE,
        (
            *_direct_words(0x300)[:3],
            Step(WINDOW + 4, W1, (stored(WINDOW + 4, W1, counter=0), FINISHED), 0xE8, 3, effect=_program(WINDOW + 4)),
            Step(0, 0xD0, (), 0xE8, 0),
        ),
        {0x300: B0, WINDOW + 4: B1},
        {WINDOW + 4: B1},
    ),
    Sequence(
        "write after a complete one",
        DIRECT,
        WRITABLE,
        (
            *_direct_words(0x300),
            Step(0, 0xD0, (), 0xE8, 0),
            PROGRAM,
            Step(
                0x204,
                W0,
                (said("single byte program (1)"), stored(0x204, W0, counter=-1)),
                0x40,
                0,
                effect=_program(0x204),
            ),
        ),
        {0x300: B0 + B1, 0x204: B0},
    ),
    Sequence(
        "write on a read-only flash",
        DIRECT,
        READ_ONLY,
        (
            *_direct_words(0x300)[:2],
            Step(0x300, W0, (), 0xE8, 2, 0x90, _refused(0x300)),
            Step(0x304, W1, (FINISHED,), 0xE8, 3, 0x90, _refused(0x304)),
            Step(0, 0xD0, (), 0xE8, 0, 0x90),
        ),
    ),
    Sequence(
        "the count is as wide as a chip",
        DIRECT,
        WRITABLE,
        (
            BUFFERED,
            Step(0, 0x00010000, (valued(RowKind.WRITE_BLOCK, 0),), 0xE8, 2),
            Step(0x300, W0, (stored(0x300, W0, counter=0), FINISHED), 0xE8, 3, effect=_program(0x300)),
        ),
        {0x300: B0},
    ),
    # Buffered writes, staged.
    Sequence("staged write", AT_COUNT, WRITABLE, (*_count_words(0x300), _flushed(0x300)), {0x300: B0 + B1}),
    Sequence(
        "staged write, later behaviour", AT_DATA, WRITABLE, (*_data_words(0x300), _flushed(0x300)), {0x300: B0 + B1}
    ),
    Sequence("staged words are not stored", AT_COUNT, WRITABLE, _count_words(0x300)),
    Sequence("staged words are not stored, later behaviour", AT_DATA, WRITABLE, _data_words(0x300)),
    Sequence("not confirmed", AT_COUNT, WRITABLE, (*_count_words(0x300), _dropped(0x300, 8, 0x80, 0xFF))),
    Sequence(
        "not confirmed, later behaviour", AT_DATA, WRITABLE, (*_data_words(0x300), _dropped(0x300, 8, 0x80, 0x70))
    ),
    Sequence(
        "one word",
        AT_COUNT,
        WRITABLE,
        (
            BUFFERED,
            Step(0x300, 0, (_opened(0),), 0xE8, 2),
            Step(0x300, W0, (staged(0x300, W0, 0), FINISHED), 0xE8, 3, effect=_stage(0x300)),
            _flushed(0x300, 4),
        ),
        {0x300: B0},
    ),
    Sequence(
        "one word opens no window",
        AT_DATA,
        WRITABLE,
        (
            BUFFERED,
            Step(0x300, 0, (), 0xE8, 2),
            Step(0x300, W0, (FINISHED,), 0xE8, 3, 0x90, _refused(0x300)),
            _dropped(0, 0),
        ),
    ),
    Sequence(
        "a word past the window",
        AT_COUNT,
        WRITABLE,
        (
            BUFFERED,
            Step(0xFF8, 1, (_opened(1),), 0xE8, 2),
            Step(0xFF8, W0, (staged(0xFF8, W0, 1),), 0xE8, 2, effect=_stage(0xFF8)),
            *_TOO_FAR,
        ),
    ),
    Sequence(
        "a word past the window, later behaviour",
        AT_DATA,
        WRITABLE,
        (
            BUFFERED,
            Step(WINDOW, 1, (), 0xE8, 2),
            Step(0xFF8, W0, (_opened(1), staged(0xFF8, W0, 1)), 0xE8, 2, effect=_stage(0xFF8)),
            *_TOO_FAR,
        ),
    ),
    Sequence(
        "a word half past the window",
        AT_COUNT,
        WRITABLE,
        (
            BUFFERED,
            Step(0, 0, (_opened(0),), 0xE8, 2),
            Step(WINDOW - 2, W0, (FINISHED,), 0xE8, 3, 0x90, _refused(WINDOW - 2)),
            _dropped(0, 0),
        ),
    ),
    Sequence(
        "words before the window that the count opened",
        AT_COUNT,
        WRITABLE,
        (
            BUFFERED,
            Step(WINDOW, 0, (_opened(0),), 0xE8, 2),
            Step(WINDOW - 4, W0, (FINISHED,), 0xE8, 3, 0x90, _refused(WINDOW - 4)),
            _dropped(WINDOW, 0),
        ),
    ),
    Sequence(
        "staged write on a read-only flash",
        AT_COUNT,
        READ_ONLY,
        (
            BUFFERED,
            Step(0, 0, (_opened(0),), 0xE8, 2),
            Step(0, W0, (FINISHED,), 0xE8, 3, 0x90, _refused(0)),
            _dropped(0, 0),
        ),
    ),
    Sequence(
        "staged write on a read-only flash, later behaviour",
        AT_DATA,
        READ_ONLY,
        (
            BUFFERED,
            Step(0, 1, (), 0xE8, 2),
            Step(0, W0, (_opened(1),), 0xE8, 2, 0x90, _refused(0)),
            Step(4, W0, (FINISHED,), 0xE8, 3, 0x90, _refused(4)),
            _dropped(0, 0),
        ),
    ),
    Sequence(
        "an old program error drops a correct write",
        AT_DATA,
        WRITABLE,
        (
            BUFFERED,
            Step(0x300, 0, (), 0xE8, 2),
            Step(0x300, W0, (FINISHED,), 0xE8, 3, 0x90, _refused(0x300)),
            _dropped(0, 0),
            *[step._replace(status=0x90) for step in _data_words(0x300)],
            _dropped(0x300, 8),
        ),
    ),
    Sequence(
        "a cleared program error does not",
        AT_COUNT,
        WRITABLE,
        (
            BUFFERED,
            Step(WINDOW, 0, (_opened(0),), 0xE8, 2),
            Step(0, W0, (FINISHED,), 0xE8, 3, 0x90, _refused(0)),
            _dropped(WINDOW, 0),
            CLEAR,
            *_count_words(0x300),
            _flushed(0x300),
        ),
        {0x300: B0 + B1},
    ),
    Sequence(
        "after a staged write the counter stays",
        AT_DATA,
        WRITABLE,
        (
            *_data_words(0x300),
            _flushed(0x300),
            PROGRAM,
            Step(
                0x204,
                W0,
                (said("single byte program (1)"), stored(0x204, W0, counter=ABSENT_COUNTER)),
                0x40,
                0,
                effect=_program(0x204),
            ),
        ),
        {0x300: B0 + B1, 0x204: B0},
    ),
]
