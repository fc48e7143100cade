from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.runs.support import PADDING
from tracetool.errors import InputError, UsageError
from tracetool.recording.arguments import read_command_line
from tracetool.recording.rerun import check_rerunnable, rerun_with_plugin
from tracetool.runs.directory import read_run_directory

if TYPE_CHECKING:
    from pathlib import Path

FLASH = ["-drive", "if=pflash,format=raw,file=vars.fd"]
QUIET = [*FLASH, "-M", "virt", "-nic", "none"]
DISK = ["-drive", "if=none,id=disk,file=disk.img"]


def check(options: list[str]) -> None:
    check_rerunnable(options, read_command_line(options))


@pytest.mark.parametrize(
    "options",
    [
        QUIET,
        [*FLASH, "-M", "virt", "-nodefaults", "-serial", "stdio"],
        [*QUIET, "-accel", "tcg", "-device", "virtio-rng-pci"],
        [*FLASH, "-netdev", "user,id=n", "-device", "e1000,netdev=n", "-object", "filter-replay,id=r,netdev=n"],
        [*QUIET, *DISK, "-drive", "driver=blkreplay,if=none,image=disk,id=r", "-device", "ide-hd,drive=r"],
        ["-M", "virt,pflash1=v", "-nic", "none", "-blockdev", "driver=file,node-name=v,filename=v.fd"],
    ],
)
def test_what_qemu_can_replay_is_recorded(options: list[str]) -> None:
    check(options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([*QUIET, "-accel", "kvm"], "kvm cannot be recorded; give -accel tcg"),
        ([*QUIET, "-enable-kvm"], "kvm cannot be recorded"),
        ([*QUIET, "-icount", "shift=1"], "-icount is set by the recorder"),
        ([*QUIET, "-incoming", "tcp:0:4444"], "-incoming: only a guest that starts anew"),
        (FLASH, "what comes from a network is not recorded; give -nic none"),
        ([*FLASH, "-nic", "user"], "give -nic none"),
        ([*FLASH, "-nodefaults", "-netdev", "user,id=n"], "give -nic none"),
        ([*QUIET, "-hda", "disk.img"], "-hda disk.img: a disk is replayed only through blkreplay"),
        ([*QUIET, "-drive", "file=disk.img"], "-drive file=disk.img: a disk"),
        ([*QUIET, *DISK, "-device", "virtio-blk-pci,drive=disk"], "-device virtio-blk-pci,drive=disk: a disk"),
    ],
)
def test_what_qemu_cannot_replay_is_refused(options: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check(options)


def test_a_run_without_a_recording_is_not_replayed(tmp_path: Path) -> None:
    run = PADDING.at(tmp_path / "run")
    with pytest.raises(InputError, match="holds no recording to replay"):
        rerun_with_plugin(read_run_directory(str(run)))


def test_the_recording_may_not_lie_elsewhere(tmp_path: Path) -> None:
    run = PADDING.at(tmp_path / "run")
    described = json.loads((run / "run.json").read_text()) | {"replay_log": "/etc/passwd"}
    (run / "run.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match="leads out of the directory"):
        read_run_directory(str(run))
