"""A recording with a stand-in for QEMU."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.captures import sha256
from tests.tracetool.cli.program import COMMAND, SAMPLES, Ended, environment, tracetool
from tests.tracetool.recording import fake_qemu
from tracetool.compression import compression_of, decompressed
from tracetool.images import load_image, write_image
from tracetool.runs.directory import read_run_directory

if TYPE_CHECKING:
    from tests.tracetool.cli.program import Quick
    from tracetool.runs.run import Run

REGION = 64 << 20


@dataclass
class Scene:
    """A folder with a QEMU that does as the sample says, and the images; `quick` records in this process."""

    folder: Path
    sample: str = "aavmf-first-boot"
    quick: Quick | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        program = self.folder / "qemu-system-aarch64"
        program.write_text(f"#!{sys.executable}\n{Path(fake_qemu.__file__).read_text()}")
        program.chmod(0o755)
        self.unpack("flash1-before.fd.zst", self.image)
        self.unpack("flash1-after.fd.zst", self.folder / "after.fd")
        self.unpack("trace.log.zst", self.folder / "recorded.log")
        with (self.folder / "code.fd").open("wb") as file:
            file.truncate(REGION)
        self.settings = {
            "FAKE_TRACE": str(self.folder / "recorded.log"),
            "FAKE_IMAGE": str(self.image),
            "FAKE_AFTER": str(self.folder / "after.fd"),
        }

    def unpack(self, name: str, target: Path) -> None:
        """Unpack a file of the sample; an image becomes a sparse file."""
        source = SAMPLES / self.sample / name
        if name.endswith(".fd.zst"):
            write_image(target, load_image(source, limit=REGION))
            return
        with source.open("rb") as packed, target.open("wb") as plain:
            shutil.copyfileobj(decompressed(packed, compression_of(packed.peek(8))), plain)

    @property
    def image(self) -> Path:
        """The flash image that the guest writes."""
        return self.folder / "vars.fd"

    @property
    def command(self) -> list[str]:
        """The guest's command line."""
        drive = f"if=pflash,format=raw,file={self.folder}"
        drives = ["-drive", f"{drive}/code.fd,readonly=on", "-drive", f"{drive}/vars.fd"]
        return [str(self.folder / "qemu-system-aarch64"), "-M", "virt", *drives]

    def record(self, *options: str, **settings: Any) -> Ended:  # noqa: ANN401  environment variables
        """Record the guest."""
        directory = ["-o", str(self.folder / "run")]
        arguments = ["record", *directory, *options, "--", *self.command]
        if self.quick is None:
            return tracetool(*arguments, **(self.settings | settings))
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (self.settings | settings).items():
                patch.setenv(name, value)
            return self.quick(*arguments)

    def start(self, **settings: str) -> subprocess.Popen[bytes]:
        """Start a recording whose guest waits for a signal, and wait until it does."""
        more = {"FAKE_END": "wait", "FAKE_SIGNALS": str(self.folder / "signals")} | settings
        process = subprocess.Popen(
            [*COMMAND, "record", "-o", str(self.folder / "run"), "--", *self.command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=environment(**self.settings | more),
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"the guest speaks\n"
        return process

    @property
    def run(self) -> Run:
        """Contents of `run.json`."""
        return read_run_directory(str(self.folder / "run")).run

    def contents(self, name: str) -> str:
        """The hash of a file."""
        return sha256((self.folder / name).read_bytes())

    def children(self, process: subprocess.Popen[bytes]) -> list[int]:
        """The processes that a process started."""
        return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
